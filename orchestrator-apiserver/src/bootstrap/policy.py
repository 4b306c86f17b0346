"""Writes policy.txt: the roles and bindings that every cluster has, one word list a line.

    python3 policy.py rbac.json > policy.txt

`rbac.json` holds the lists clusterRoles, clusterRoleBindings, roles and roleBindings of an API server. A line is

    role NAME|NAMESPACE/NAME [aggregate-to-X] [gathers aggregate-to-X]
    may VERBS GROUPS RESOURCES [NAMES]      a rule of the role above; the core group is `core`
    path VERBS PATHS                        the same about paths
    bind NAME|NAMESPACE/NAME ROLE SUBJECT...   U:name, G:group or A:namespace/account

where lists are joined by commas.
"""
import json
import sys

LABEL = "rbac.authorization.k8s.io/"


def name(thing):
    return thing["namespace"] + "/" + thing["name"] if "namespace" in thing else thing["name"]


def role(thing):
    line = ["role", name(thing)]
    line += [label[len(LABEL):] for label in thing["labels"] if label.startswith(LABEL)]
    gathers = thing.get("aggregationRule")
    if gathers:
        for selector in gathers["clusterRoleSelectors"]:
            line += ["gathers"] + [label[len(LABEL):] for label in selector["matchLabels"]]
    print(*line)
    # What a role gathers, a controller fills in.
    for rule in [] if gathers else thing.get("rules") or []:
        verbs = ",".join(rule["verbs"])
        if "nonResourceURLs" in rule:
            print("path", verbs, ",".join(rule["nonResourceURLs"]))
            continue
        groups = ",".join(group or "core" for group in rule["apiGroups"])
        print("may", verbs, groups, ",".join(rule["resources"]), *filter(None, [",".join(rule.get("resourceNames", []))]))


def binding(thing):
    subjects = []
    for subject in thing.get("subjects") or []:
        letter = {"User": "U", "Group": "G", "ServiceAccount": "A"}[subject["kind"]]
        home = subject["namespace"] + "/" if "namespace" in subject else ""
        subjects.append(f"{letter}:{home}{subject['name']}")
    assert (thing["roleRef"]["kind"] == "Role") == ("namespace" in thing)
    print("bind", name(thing), thing["roleRef"]["name"], *subjects)


facts = json.load(open(sys.argv[1]))
for thing in facts["clusterRoles"] + facts["roles"]:
    role(thing)
for thing in facts["clusterRoleBindings"] + facts["roleBindings"]:
    binding(thing)
