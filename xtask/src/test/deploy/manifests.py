"""Holds the manifests of deploy/ together: what one of them names, another must have.

Prints what each way of running the program gives it, as JSON: its environment, its secrets (by name, and
where they lie) and the commands that it runs.
"""

import json
import re
import sys
from pathlib import Path

import yaml

DEPLOY = Path("deploy")
KUBERNETES = DEPLOY / "kubernetes"
VERSION = re.search(r'^version = "(.+)"$', Path("Cargo.toml").read_text(), re.MULTILINE)[1]
DRAIN = int(re.search(r"^drain_timeout = (\d+)$", Path("config/default.toml").read_text(), re.MULTILINE)[1])
# Ten seconds for requests under way, five for the rest.
FAREWELL = 15

faults = []


def must(holds, fault):
    if not holds:
        faults.append(fault)


def kubernetes():
    files = {path.name: yaml.safe_load(path.read_text()) for path in sorted(KUBERNETES.glob("*.yaml"))}
    listed = files.pop("kustomization.yaml")["resources"]
    apart = {"migrate.yaml", "secret.example.yaml"}
    must(set(listed) == set(files) - apart, f"kustomization.yaml lists {listed}, but there are {sorted(files)}")
    kinds = {file["kind"]: file for file in files.values()}
    config, secret = kinds["ConfigMap"], kinds["Secret"]
    deployment, job = kinds["Deployment"]["spec"], kinds["Job"]["spec"]
    pod, port = deployment["template"], pod_port(deployment["template"])
    labels = pod["metadata"]["labels"]
    for kind, selector in [
        ("Deployment", deployment["selector"]["matchLabels"]),
        ("Service", kinds["Service"]["spec"]["selector"]),
        ("PodDisruptionBudget", kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]),
    ]:
        must(selector.items() <= labels.items(), f"{kind} selects {selector}, the pods are {labels}")
    target = kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"]
    must(target == kinds["Deployment"]["metadata"]["name"], f"nothing is called {target}")
    must(kinds["Service"]["spec"]["ports"][0]["targetPort"] == port, f"Service must lead to {port}")
    reached = kinds["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"]
    must(reached == port, f"NetworkPolicy must let {port} be reached, not {reached}")
    routes = json.loads(Path("docs/openapi.json").read_text())["paths"]
    container = pod["spec"]["containers"][0]
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        get = container[probe]["httpGet"]
        must(get["path"] in routes and get["port"] == port, f"{probe} asks {get}, which is not there")
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    must(grace >= DRAIN + FAREWELL, f"terminationGracePeriodSeconds {grace} is less than a stop may take")
    for spec in [pod["spec"], job["template"]["spec"]]:
        confined(spec, config, secret)
    where = container["volumeMounts"][0]["mountPath"]
    return {
        "environment": config["data"],
        "secrets": {name: f"{where}/{name}" for name in secret["stringData"]},
        "commands": [container["args"], job["template"]["spec"]["containers"][0]["args"]],
    }


def pod_port(pod):
    return pod["spec"]["containers"][0]["ports"][0]["name"]


def confined(spec, config, secret):
    """What every pod must be, and what it takes from the ConfigMap and the Secret."""
    container = spec["containers"][0]
    must(container["image"] == f"menshen:{VERSION}", f"{container['image']} is not of version {VERSION}")
    user = spec["securityContext"]["runAsUser"]
    must(f"USER {user}:{user}" in (DEPLOY / "Containerfile").read_text(), f"the image has no user {user}")
    names = [config["metadata"]["name"], secret["metadata"]["name"]]
    given = [container["envFrom"][0]["configMapRef"]["name"], spec["volumes"][0]["secret"]["secretName"]]
    must(given == names, f"a pod takes {given}, which are {names}")
    must(container["volumeMounts"][0]["name"] == spec["volumes"][0]["name"], "a mount without a volume")


def compose():
    file = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = file["services"]
    server, migrate = services["menshen"], services["migrate"]
    for name, service in services.items():
        if "build" not in service:
            continue
        must(service["image"].endswith(f":{VERSION}"), f"{name} is not of version {VERSION}")
        must(f"AS {service['build']['target']}\n" in (DEPLOY / "Containerfile").read_text(), f"{name}: no such stage")
        must(seconds(service["stop_grace_period"]) >= DRAIN + FAREWELL, f"{name} is stopped too soon")
    for name, service in services.items():
        for needed in service.get("depends_on", {}):
            must(needed in services, f"{name} depends on {needed}")
            must(set(service["profiles"]) <= set(services[needed]["profiles"]), f"{name} is without {needed}")
    must(migrate["environment"] == server["environment"], "the migration has another environment")
    for name, source in file["secrets"].items():
        must(source["file"] == f"secrets/{name}", f"the secret {name} lies in {source['file']}")
    # What whoever starts it has to say.
    environment = {key: value.replace("${APP_ID:-}", "wx0000000000000000") for key, value in server["environment"].items()}
    return {
        "environment": environment,
        "secrets": {name: f"/run/secrets/{name}" for name in server["secrets"]},
        "commands": [["serve"], migrate["command"]],
    }


def systemd():
    unit = (DEPLOY / "menshen.service").read_text()
    # What systemd would put there.
    unit = unit.replace("%d/", "/run/credentials/menshen.service/")
    values = lambda key: re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)
    grace = int(values("TimeoutStopSec")[0])
    must(grace >= DRAIN + FAREWELL, f"TimeoutStopSec {grace} is less than a stop may take")
    lines = [line.split() for line in values("ExecStartPre") + values("ExecStart")]
    for program, *_ in lines:
        must(program == "/usr/bin/menshen", f"{program} is not where the program is")
    names = [credential.split(":")[0] for credential in values("LoadCredential")]
    return {
        "environment": dict(line.split("=", 1) for line in values("Environment")),
        "secrets": {name: f"/run/credentials/menshen.service/{name}" for name in names},
        "commands": [command for _, *command in lines],
    }


def seconds(text):
    return int(text.removesuffix("s"))


ways = {"kubernetes": kubernetes(), "compose": compose(), "systemd": systemd()}
for way, given in ways.items():
    files = {key: path for key, path in given["environment"].items() if key.endswith("_FILE")}
    must(
        sorted(files.values()) == sorted(given["secrets"].values()),
        f"{way}: {files} must be the secrets, {given['secrets']}",
    )
if faults:
    sys.exit("\n".join(faults))
print(json.dumps(ways))
