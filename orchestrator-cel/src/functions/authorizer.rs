//! Who may do what.
//!
//! The functions put a question piece by piece; `check` asks it. The answer may have to come from
//! elsewhere: then the evaluation ends with the question, and is done again with the answer.

use std::rc::Rc;

use super::{Called, Cost, Function, Overload, Sig, function, member};
use crate::EvalError;
use crate::eval::Run;
use crate::types::Opaque;
use crate::value::{Answer, Question, Value};

const S: Sig = Sig::String;
const AUTHORIZER: Sig = Sig::Opaque(Opaque::Authorizer);
const PATH: Sig = Sig::Opaque(Opaque::PathCheck);
const GROUP: Sig = Sig::Opaque(Opaque::GroupCheck);
const RESOURCE: Sig = Sig::Opaque(Opaque::ResourceCheck);
const DECISION: Sig = Sig::Opaque(Opaque::Decision);
const REFINED: &[Overload] = &[member(&[RESOURCE, S], RESOURCE)];

pub(super) static TABLE: &[Function] = &[
    function("path", Cost::One, &[member(&[AUTHORIZER, S], PATH)], |_, args| {
        let text = args[1].as_str().unwrap_or_default();
        if text.is_empty() {
            return Err(EvalError::undefined("path must not be empty"));
        }
        put(args, Opaque::PathCheck, |question, text| question.path = Some(text))
    }),
    function("group", Cost::One, &[member(&[AUTHORIZER, S], GROUP)], |_, args| {
        put(args, Opaque::GroupCheck, |question, text| question.group = text)
    }),
    function("serviceAccount", Cost::One, &[member(&[AUTHORIZER, S, S], AUTHORIZER)], account),
    function("resource", Cost::One, &[member(&[GROUP, S], RESOURCE)], |_, args| {
        put(args, Opaque::ResourceCheck, |question, text| question.resource = text)
    }),
    function("subresource", Cost::One, REFINED, |_, args| {
        put(args, Opaque::ResourceCheck, |question, text| question.subresource = text)
    }),
    function("namespace", Cost::One, REFINED, |_, args| {
        put(args, Opaque::ResourceCheck, |question, text| question.namespace = text)
    }),
    function("name", Cost::One, REFINED, |_, args| {
        put(args, Opaque::ResourceCheck, |question, text| question.name = text)
    }),
    function("fieldSelector", Cost::One, REFINED, |_, args| {
        put(args, Opaque::ResourceCheck, |question, text| question.field_selector = text)
    }),
    function("labelSelector", Cost::One, REFINED, |_, args| {
        put(args, Opaque::ResourceCheck, |question, text| question.label_selector = text)
    }),
    function(
        "check",
        Cost::Ask,
        &[member(&[PATH, S], DECISION), member(&[RESOURCE, S], DECISION)],
        |run, args| {
            let question = question(args)?;
            let verb = args[1].as_str().ok_or_else(EvalError::overload)?;
            let question = Question { verb: verb.to_owned(), ..(**question).clone() };
            run.ask(question).map(|answer| Value::Decision(Rc::new(answer)))
        },
    ),
    function("allowed", Cost::One, &[member(&[DECISION], Sig::Bool)], |_, args| {
        decision(args).map(|answer| Value::Bool(answer.allowed))
    }),
    function("reason", Cost::One, &[member(&[DECISION], S)], |_, args| {
        decision(args).map(|answer| Value::text(answer.reason.as_str()))
    }),
    function("errored", Cost::One, &[member(&[DECISION], Sig::Bool)], |_, args| {
        decision(args).map(|answer| Value::Bool(answer.error.is_some()))
    }),
    function("error", Cost::One, &[member(&[DECISION], S)], |_, args| {
        decision(args).map(|answer| Value::text(answer.error.as_deref().unwrap_or_default()))
    }),
];

fn question<'v>(args: &'v [Value<'_>]) -> Result<&'v Rc<Question>, EvalError> {
    match args.first() {
        Some(Value::Check(_, question)) => Ok(question),
        _ => Err(EvalError::overload()),
    }
}

fn decision<'v>(args: &'v [Value<'_>]) -> Result<&'v Answer, EvalError> {
    match args.first() {
        Some(Value::Decision(answer)) => Ok(answer),
        _ => Err(EvalError::overload()),
    }
}

fn put<'a>(args: &[Value<'a>], becomes: Opaque, set: fn(&mut Question, String)) -> Called<'a> {
    let mut put = (**question(args)?).clone();
    set(&mut put, args[1].as_str().ok_or_else(EvalError::overload)?.to_owned());
    Ok(Value::Check(becomes, Rc::new(put)))
}

fn account<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let [_, Value::String(namespace), Value::String(name)] = args else {
        return Err(EvalError::overload());
    };
    let mut put = (**question(args)?).clone();
    put.service_account = Some((namespace.to_string(), name.to_string()));
    Ok(Value::Check(Opaque::Authorizer, Rc::new(put)))
}
