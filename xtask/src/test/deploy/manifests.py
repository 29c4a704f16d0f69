"""Checks that the files of deploy/ are consistent: names, ports, versions and timeouts must match.

Prints each deployment as JSON: its environment, its secrets (names and paths) and its commands.
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
# Ten seconds for active requests, five for the rest of the shutdown.
SHUTDOWN_TIMEOUT = 15

problems = []


def check(condition, problem):
    if not condition:
        problems.append(problem)


def kubernetes():
    files = {path.name: yaml.safe_load(path.read_text()) for path in sorted(KUBERNETES.glob("*.yaml"))}
    listed = files.pop("kustomization.yaml")["resources"]
    unlisted = {"migrate.yaml", "secret.example.yaml"}
    check(set(listed) == set(files) - unlisted, f"kustomization.yaml lists {listed}, the folder has {sorted(files)}")
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
        check(selector.items() <= labels.items(), f"{kind} selects {selector}, the pods are {labels}")
    target = kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"]
    check(target == kinds["Deployment"]["metadata"]["name"], f"the autoscaler scales {target}, which is not the Deployment")
    check(kinds["Service"]["spec"]["ports"][0]["targetPort"] == port, f"the targetPort of the Service is not {port}")
    allowed = kinds["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"]
    check(allowed == port, f"NetworkPolicy allows port {allowed} instead of {port}")
    routes = json.loads(Path("docs/openapi.json").read_text())["paths"]
    container = pod["spec"]["containers"][0]
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        get = container[probe]["httpGet"]
        check(get["path"] in routes and get["port"] == port, f"{probe} calls {get}, which does not exist")
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    check(grace >= DRAIN + SHUTDOWN_TIMEOUT, f"terminationGracePeriodSeconds {grace} is shorter than a shutdown")
    for spec in [pod["spec"], job["template"]["spec"]]:
        check_pod(spec, config, secret)
    mount_path = container["volumeMounts"][0]["mountPath"]
    return {
        "environment": config["data"],
        "secrets": {name: f"{mount_path}/{name}" for name in secret["stringData"]},
        "commands": [container["args"], job["template"]["spec"]["containers"][0]["args"]],
    }


def pod_port(pod):
    return pod["spec"]["containers"][0]["ports"][0]["name"]


def check_pod(spec, config, secret):
    """Checks the image, the user, the ConfigMap and the Secret of a pod."""
    container = spec["containers"][0]
    check(container["image"] == f"menshen:{VERSION}", f"the version of {container['image']} is not {VERSION}")
    user = spec["securityContext"]["runAsUser"]
    check(f"USER {user}:{user}" in (DEPLOY / "Containerfile").read_text(), f"the image has no user {user}")
    names = [config["metadata"]["name"], secret["metadata"]["name"]]
    used = [container["envFrom"][0]["configMapRef"]["name"], spec["volumes"][0]["secret"]["secretName"]]
    check(used == names, f"a pod uses {used} instead of {names}")
    check(container["volumeMounts"][0]["name"] == spec["volumes"][0]["name"], "a mount has no volume")


def compose():
    file = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = file["services"]
    server, migrate = services["menshen"], services["migrate"]
    for name, service in services.items():
        if "build" not in service:
            continue
        check(service["image"].endswith(f":{VERSION}"), f"the version of {name} is not {VERSION}")
        check(f"AS {service['build']['target']}\n" in (DEPLOY / "Containerfile").read_text(), f"{name}: the image has no such stage")
        check(seconds(service["stop_grace_period"]) >= DRAIN + SHUTDOWN_TIMEOUT, f"the stop_grace_period of {name} is shorter than a shutdown")
    for name, service in services.items():
        for needed in service.get("depends_on", {}):
            check(needed in services, f"{name} depends on {needed}, which does not exist")
            check(set(service["profiles"]) <= set(services[needed]["profiles"]), f"{name} has profiles without {needed}")
    check(migrate["environment"] == server["environment"], "the environments of migrate and menshen differ")
    for name, source in file["secrets"].items():
        check(source["file"] == f"secrets/{name}", f"the file of the secret {name} is {source['file']}")
    # The operator sets APP_ID.
    environment = {key: value.replace("${APP_ID:-}", "wx0000000000000000") for key, value in server["environment"].items()}
    production = {
        "environment": environment,
        "secrets": {name: f"/run/secrets/{name}" for name in server["secrets"]},
        "commands": [["serve"], migrate["command"]],
    }
    development = {"environment": services["development"]["environment"], "secrets": {}, "commands": [["serve"]]}
    return production, development


def systemd():
    unit = (DEPLOY / "menshen.service").read_text()
    # systemd expands %d.
    unit = unit.replace("%d/", "/run/credentials/menshen.service/")
    values = lambda key: re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)
    grace = int(values("TimeoutStopSec")[0])
    check(grace >= DRAIN + SHUTDOWN_TIMEOUT, f"TimeoutStopSec {grace} is shorter than a shutdown")
    lines = [line.split() for line in values("ExecStartPre") + values("ExecStart")]
    for program, *_ in lines:
        check(program == "/usr/bin/menshen", f"{program} is not the path of the program")
    names = [credential.split(":")[0] for credential in values("LoadCredential")]
    return {
        "environment": dict(line.split("=", 1) for line in values("Environment")),
        "secrets": {name: f"/run/credentials/menshen.service/{name}" for name in names},
        "commands": [command for _, *command in lines],
    }


def seconds(text):
    return int(text.removesuffix("s"))


production, development = compose()
deployments = {
    "kubernetes": kubernetes(),
    "compose production": production,
    "compose development": development,
    "systemd": systemd(),
}
for name, deployment in deployments.items():
    files = {key: path for key, path in deployment["environment"].items() if key.endswith("_FILE")}
    check(
        sorted(files.values()) == sorted(deployment["secrets"].values()),
        f"{name}: the variables {files} do not match the secrets {deployment['secrets']}",
    )
if problems:
    sys.exit("\n".join(problems))
print(json.dumps(deployments))
