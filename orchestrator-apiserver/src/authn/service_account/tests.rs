use std::time::Duration;

use orchestrator_core::UserInfo;

use super::*;
use crate::subresource::token::BoundObject;

fn tokens() -> ServiceAccountTokens {
    let pem = KeyPair::generate().unwrap().serialize_pem();
    ServiceAccountTokens::new(&pem, Env::simulated(1)).unwrap()
}

fn spec(audiences: &[&str]) -> TokenSpec {
    TokenSpec {
        namespace: "ns".into(),
        service_account: "builder".into(),
        service_account_uid: "u1".into(),
        audiences: audiences.iter().map(|a| (*a).into()).collect(),
        expiration_s: 600,
        warn_after_s: None,
        bound: Some(BoundObject {
            kind: "Pod".into(),
            name: "p".into(),
            uid: "u2".into(),
            ..BoundObject::default()
        }),
        node: Some(("n".into(), "u3".into())),
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_names_its_account_until_it_ends() {
    let tokens = tokens();
    let issued = tokens.issue(&spec(&[])).await.unwrap();
    let user = tokens.review(&issued.token, &[]).await.unwrap().user;
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("system:serviceaccount:ns:builder", "u1"));
    assert!(user.is_in("system:serviceaccounts:ns") && user.is_in(UserInfo::AUTHENTICATED));
    assert_eq!(user.extra["authentication.kubernetes.io/pod-uid"], ["u2"]);
    assert_eq!(user.extra["authentication.kubernetes.io/node-name"], ["n"]);
    tokens.env.sleep(Duration::from_secs(700)).await;
    assert_eq!(tokens.review(&issued.token, &[]).await.unwrap_err().code, 401);
}

#[tokio::test(start_paused = true)]
async fn audiences_and_signatures_must_match() {
    let tokens = tokens();
    let issued = tokens.issue(&spec(&["vault"])).await.unwrap().token;
    assert!(tokens.review(&issued, &[]).await.is_err());
    let asked = ["other".to_owned(), "vault".to_owned()];
    assert_eq!(tokens.review(&issued, &asked).await.unwrap().audiences, ["vault"]);
    assert!(self::tokens().review(&issued, &asked).await.is_err());
    for bad in ["", "a.b.c", "....", &"x".repeat(100_000)] {
        let judged =
            tokens.authenticate(Credentials { bearer: Some(bad), ..Credentials::default() });
        assert_eq!(judged.await, Authentication::Refused);
    }
}

#[test]
fn the_key_set_shows_the_public_key_only() {
    let keys = tokens().key_set();
    assert_eq!((&keys["keys"][0]["alg"], &keys["keys"][0]["d"]), (&json!("ES256"), &Json::Null));
    assert!(ServiceAccountTokens::new("nonsense", Env::system()).is_err());
}
