//! InterPodAffinity by counters.

use std::collections::BTreeSet;

use orchestrator_core::scheduler::{AffinityTerm, PodAffinity, PodInfo, Snapshot};

use super::dims::{Counts, Dim, Scope};
use super::kinds::Kind;
use super::plan::Plan;
use super::table::Table;
use crate::framework::Refusal;
use crate::plugins::inter_pod_affinity as near;

/// What is asked about the pods near to a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    /// Those that match all that the pod requires.
    Wanted,
    /// Those that the pod does not want.
    Unwanted,
    /// Those that do not want the pod.
    Unwilling,
    /// What both sides would like, weighted.
    Wishes,
}

/// What a pod and those around it want of each other.
#[derive(Debug, Default)]
pub(super) struct Near {
    /// A question and a label; each is a dimension.
    questions: Vec<(Question, String)>,
    filters: bool,
    /// What others' requirements count where nodes are scored; `None` where they are not.
    hard_weight: Option<i64>,
    /// The newest kind of pods that was looked at for questions.
    newest: u32,
}

impl Near {
    pub fn new(plan: &Plan, pod: &PodInfo, table: &Table, snapshot: &Snapshot) -> Self {
        let own = pod.affinity.as_deref();
        let scoring = plan.near_score.as_ref().filter(|(plugin, _)| plugin.scores(own));
        let mut near = Self {
            questions: Vec::new(),
            filters: plan.near.is_some(),
            hard_weight: scoring.map(|(plugin, _)| plugin.weight_of_required()),
            newest: table.kinds.newest(),
        };
        let mut questions = BTreeSet::new();
        if let Some(own) = own {
            near.ask_own(own, &mut questions);
        }
        for kind in table.kinds.wishing_since(0) {
            near.ask_for(kind, pod, snapshot, &mut questions);
        }
        near.questions = questions.into_iter().collect();
        near
    }

    /// Whether the pods that came since have wishes about `pod` that nobody had before.
    pub fn is_outdated(&mut self, pod: &PodInfo, table: &Table, snapshot: &Snapshot) -> bool {
        if table.kinds.newest() == self.newest {
            return false;
        }
        let mut questions = BTreeSet::new();
        for kind in table.kinds.wishing_since(self.newest) {
            self.ask_for(kind, pod, snapshot, &mut questions);
        }
        self.newest = table.kinds.newest();
        questions.iter().any(|question| !self.questions.contains(question))
    }

    fn ask_own(&self, own: &PodAffinity, questions: &mut BTreeSet<(Question, String)>) {
        let mut ask = |question: Question, term: &AffinityTerm| {
            questions.insert((question, term.topology_key.clone()));
        };
        if self.filters {
            own.required.iter().for_each(|term| ask(Question::Wanted, term));
            own.anti_required.iter().for_each(|term| ask(Question::Unwanted, term));
        }
        if self.hard_weight.is_some() {
            let wishes = own.preferred.iter().chain(&own.anti_preferred);
            wishes.for_each(|(_, term)| ask(Question::Wishes, term));
        }
    }

    fn ask_for(
        &self,
        kind: &Kind,
        pod: &PodInfo,
        snapshot: &Snapshot,
        questions: &mut BTreeSet<(Question, String)>,
    ) {
        let Some(theirs) = kind.pod.affinity.as_deref() else { return };
        let mut ask = |question: Question, term: &AffinityTerm| {
            if term.matches(pod, snapshot) {
                questions.insert((question, term.topology_key.clone()));
            }
        };
        if self.filters {
            theirs.anti_required.iter().for_each(|term| ask(Question::Unwilling, term));
        }
        if let Some(weight) = self.hard_weight {
            let wishes = theirs.preferred.iter().chain(&theirs.anti_preferred);
            wishes.for_each(|(_, term)| ask(Question::Wishes, term));
            let required = theirs.required.iter().filter(|_| weight > 0);
            required.for_each(|term| ask(Question::Wishes, term));
        }
    }

    /// A dimension for each question.
    pub fn dims(&self, table: &mut Table, snapshot: &Snapshot) -> Vec<Dim> {
        let dim = |(_, key): &(Question, String)| {
            let topology = table.topology(key, snapshot);
            Dim::new(table, topology, Scope::Domain, false)
        };
        self.questions.iter().map(dim).collect()
    }

    /// How many questions there are.
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Appends what a pod counts for each of the questions.
    pub fn count(&self, pod: &PodInfo, other: &PodInfo, snapshot: &Snapshot, counts: &mut Counts) {
        let (own, theirs) = (pod.affinity.as_deref(), other.affinity.as_deref());
        for (question, key) in &self.questions {
            let here = |term: &&AffinityTerm| term.topology_key == *key;
            let matching = |terms: &[AffinityTerm], pod: &PodInfo| {
                let terms = terms.iter().filter(here);
                terms.filter(|term| term.matches(pod, snapshot)).count() as i64
            };
            counts.push(match question {
                Question::Wanted => {
                    own.map_or(0, |own| match near::matches_all(&own.required, other, snapshot) {
                        true => own.required.iter().filter(here).count() as i64,
                        false => 0,
                    })
                }
                Question::Unwanted => own.map_or(0, |own| matching(&own.anti_required, other)),
                Question::Unwilling => {
                    theirs.map_or(0, |theirs| matching(&theirs.anti_required, pod))
                }
                Question::Wishes => {
                    let weight = self.hard_weight.unwrap_or_default().max(0);
                    wishes(own, key, other, snapshot)
                        + wishes(theirs, key, pod, snapshot)
                        + theirs.map_or(0, |theirs| weight * matching(&theirs.required, pod))
                }
            });
        }
    }

    /// Why nodes with these numbers cannot take the pod; `None` where they can.
    pub fn refuses(
        &self,
        pod: &PodInfo,
        snapshot: &Snapshot,
        dims: &[Dim],
        numbers: &[i64],
    ) -> Option<Refusal> {
        let number = |question: Question, key: &str| {
            let of = |asked: &(Question, String)| asked.0 == question && asked.1 == key;
            self.questions.iter().position(of).map_or(0, |index| numbers[index])
        };
        if let Some(own) = pod.affinity.as_deref().filter(|_| self.filters) {
            let nobody = || {
                let wanted = self.questions.iter().zip(dims);
                let mut wanted = wanted.filter(|((question, _), _)| *question == Question::Wanted);
                wanted.all(|(_, dim)| dim.total() == 0)
            };
            let number_of = |term: &AffinityTerm| number(Question::Wanted, &term.topology_key);
            let all_labels =
                own.required.iter().all(|term| number_of(term) != super::dims::MISSING);
            let all_near = own.required.iter().all(|term| number_of(term) > 0);
            let is_first = || nobody() && near::matches_all(&own.required, pod, snapshot);
            if !all_labels || !(all_near || is_first()) {
                return Some(Refusal::unresolvable(near::REASON));
            }
            let is_near = |term: &AffinityTerm| number(Question::Unwanted, &term.topology_key) > 0;
            if own.anti_required.iter().any(is_near) {
                return Some(Refusal::resolvable(near::REASON_ANTI));
            }
        }
        let mut unwilling = self.numbers_of(&Question::Unwilling, numbers);
        unwilling.any(|number| number > 0).then(|| Refusal::resolvable(near::REASON_EXISTING))
    }

    /// The score of nodes with these numbers before it is normalised.
    pub fn raw_score(&self, numbers: &[i64]) -> i64 {
        let wishes = self.numbers_of(&Question::Wishes, numbers);
        wishes.filter(|number| *number != super::dims::MISSING).sum()
    }

    /// Whether nodes are scored.
    pub fn has_wishes(&self) -> bool {
        self.questions.iter().any(|(question, _)| *question == Question::Wishes)
    }

    fn numbers_of<'a>(
        &'a self,
        question: &'a Question,
        numbers: &'a [i64],
    ) -> impl Iterator<Item = i64> + 'a {
        let pairs = self.questions.iter().zip(numbers);
        pairs.filter(move |((asked, _), _)| asked == question).map(|(_, number)| *number)
    }
}

/// What the pod with these wishes would like to have to do with `other`.
fn wishes(affinity: Option<&PodAffinity>, key: &str, other: &PodInfo, snapshot: &Snapshot) -> i64 {
    let Some(affinity) = affinity else { return 0 };
    let sum = |terms: &[(i64, AffinityTerm)]| {
        let here = terms.iter().filter(|(_, term)| term.topology_key == key);
        let matching = here.filter(|(_, term)| term.matches(other, snapshot));
        matching.map(|(weight, _)| weight).sum::<i64>()
    };
    sum(&affinity.preferred) - sum(&affinity.anti_preferred)
}
