//! What a configuration says, and what is wrong with one.

use super::*;
use orchestrator_core::scheduler::Scheduler as _;

fn parse(profiles: &str) -> Result<Configuration, String> {
    let head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
    let text = format!("{head}{profiles}");
    Configuration::parse(&text, &Registry::default()).map_err(|why| match &why {
        ConfigError::Build { source, .. } => format!("{why}: {source}"),
        ConfigError::Parse(source) => source.to_string(),
        other => other.to_string(),
    })
}

fn scores(configuration: &Configuration) -> Vec<(&'static str, i64)> {
    configuration.profiles[0].scores().collect()
}

#[test]
fn without_profiles_there_is_the_default_scheduler() {
    let configuration = parse("podMaxBackoffSeconds: 20").unwrap();
    assert_eq!(configuration.profiles[0].name(), "default-scheduler");
    assert_eq!(configuration.backoff.max, Duration::from_secs(20));
    let default = plugins_of_default();
    assert_eq!(scores(&configuration), default);
}

fn plugins_of_default() -> Vec<(&'static str, i64)> {
    let default = crate::plugins::defaults("default-scheduler").build().unwrap();
    default.scores().collect()
}

#[test]
fn lists_of_points_change_what_is_there_and_in_which_order() {
    let only = "profiles: [{plugins: {score: {disabled: [{name: '*'}], enabled: [
        {name: ImageLocality, weight: 7}, {name: NodeResourcesFit}]}}}]";
    let configuration = parse(only).unwrap();
    assert_eq!(scores(&configuration), [("ImageLocality", 7), ("NodeResourcesFit", 1)]);
    let without = "profiles: [{plugins: {multiPoint: {disabled: [
        {name: InterPodAffinity}, {name: ImageLocality}]}, score: {enabled: [
        {name: NodeAffinity, weight: 9}]}}}]";
    let configuration = parse(without).unwrap();
    let names: Vec<_> = scores(&configuration);
    assert_eq!(names[0], ("NodeAffinity", 9), "what a point names comes first");
    assert!(!names.iter().any(|(name, _)| matches!(*name, "InterPodAffinity" | "ImageLocality")));
}

#[test]
fn mistakes_are_named_with_their_field() {
    let plugin = |config: &str| format!("profiles: [{{pluginConfig: [{config}]}}]");
    let fit = |args: &str| plugin(&format!("{{name: NodeResourcesFit, args: {args}}}"));
    for (text, expected) in [
        ("percentageOfNodesToScore: 101".to_owned(), "percentageOfNodesToScore: not in valid"),
        ("podInitialBackoffSeconds: 0".to_owned(), "podInitialBackoffSeconds: must be"),
        ("extenders: [{urlPrefix: x}]".to_owned(), "extenders: not supported"),
        ("profiles: [{}, {}]".to_owned(), "profiles[1].schedulerName: \"default-scheduler\" is"),
        (plugin("{name: Nope}"), "profiles[0].pluginConfig[0]: no plugin is called \"Nope\""),
        (plugin("{name: NodeName}, {name: NodeName}"), "pluginConfig[1]: \"NodeName\" is there"),
        (plugin("{name: NodeName, args: {a: 1}}"), "NodeName takes no arguments"),
        (fit("{scoringStrategy: {type: Best}}"), "scoringStrategy.type: \"Best\""),
        (fit("{scoringStrategy: {resources: [{name: cpu, weight: 101}]}}"), "resources[0].weight"),
        (fit("{ignored: []}"), "unknown field `ignored`"),
        (
            "profiles: [{plugins: {score: {enabled: [{name: NodeName}]}}}]".to_owned(),
            "profiles[0]: NodeName is not at the point score",
        ),
        (
            "profiles: [{plugins: {score: {enabled: [{name: ImageLocality, weight: -1}]}}}]"
                .to_owned(),
            "plugins.score.enabled[0]: the weight -1 is negative",
        ),
        (
            "profiles: [{plugins: {preScore: {disabled: [{name: '*'}]}}}]".to_owned(),
            "plugins.preScore: must be given together with score",
        ),
        ("profiles: [{plugins: {bind: {disabled: [{name: '*'}]}}}]".to_owned(), "no plugin binds"),
    ] {
        let why = parse(&text).expect_err(&text);
        assert!(why.contains(expected), "{text}\n  said     {why}\n  expected {expected}");
    }
}

#[test]
fn mistakes_are_told_with_their_line() {
    // The text has two lines before this.
    for (text, expected) in [
        ("profiles:\n- schedulerName: a\n- schedulerName: a", "line 5: profiles[1].schedulerName"),
        (
            "profiles:\n- plugins:\n    score:\n      enabled:\n      - name: ImageLocality\n\
             \x20       weight: -3",
            "line 7: ",
        ),
        (
            "profiles:\n- plugins: {bind: {disabled: [{name: '*'}]}}",
            "line 4: profiles[0]: no plugin binds",
        ),
        (
            "profiles:\n- pluginConfig:\n  - name: NodeResourcesFit\n    args:\n\
             \x20     scoringStrategy:\n        type: Best",
            "line 8: ",
        ),
        ("podInitialBackoffSeconds: 20\npodMaxBackoffSeconds: 2", "line 4: podMaxBackoffSeconds"),
    ] {
        let why = parse(text).expect_err(text);
        assert!(why.starts_with(expected), "{text}\n  said     {why}\n  expected {expected}");
    }
}

#[test]
fn a_document_that_holds_itself_or_says_a_thing_twice_is_refused_with_its_line() {
    for (text, line) in [
        ("profiles: &all\n- plugins: *all", "line 4"),
        ("profiles: []\nprofiles: []", "line 4"),
        ("profiles: 7", "line 3"),
    ] {
        let why = parse(text).expect_err(text);
        assert!(why.contains(line), "{text}\n  said {why}");
    }
}

#[test]
fn a_plugin_of_ones_own_can_be_named() {
    let registry = Registry::default().with(
        "Mine",
        Arc::new(|_| Ok(Arc::new(crate::plugins::ImageLocality) as Arc<dyn crate::Plugin>)),
    );
    assert!(registry.contains("Mine") && !registry.defaults().any(|name| name == "Mine"));
}
