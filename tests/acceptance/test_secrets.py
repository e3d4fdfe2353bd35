"""Planted secrets are looked for in everything that guardian writes, says and shows: they are nowhere."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Story, Tell

PLANTED = {name: f"planted-{name}-9f8e7d6c5b4a39281706" for name in ("prometheus-token", "sentry-secret", "header")}
SETTINGS = """\
prometheus:
  url: http://127.0.0.1:9
  timeout: 200ms
  bearer_token_file: $CREDENTIALS_DIRECTORY/prometheus-token
"""
RULE = """\
  - name: asked
    summary: A rule whose source needs a secret
    source: prometheus
    query: vector(1)
    above: 5
    every: 1s
    window: 5s
    for: 1
    on_no_data: hold
    action: notify
"""


def everything(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below ``directory`` but those in which secrets were planted."""
    for path in directory.rglob("*"):
        if path.is_file() and path.parent.name != "credentials":
            yield path, path.read_bytes()


async def shown(client: httpx.AsyncClient) -> str:
    """What the API tells to somebody who may see everything."""
    paths = ("/v1/services", "/v1/rules", "/v1/deployments", "/v1/tokens", "/metrics", "/readyz", "/openapi.json", "/v1/nothing")
    told = [(await client.get(path)).text for path in paths]
    return "\n".join([*told, (await client.get("/v1/deployments/web-1")).text])


async def test_planted_secrets_are_nowhere(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in logs, database, files, answers, metrics, nor in the command line or the environment of the process."""
    story: Story = await tell()
    guardian = story.stage.guardian
    directory = guardian.log.parent
    (directory / "credentials").mkdir()
    for name, secret in PLANTED.items():
        (directory / "credentials" / name).write_text(secret)
    await guardian.end()
    with (directory / "guardian.yaml").open("a") as settings:
        settings.write(SETTINGS)
    with (directory / "rules" / "web.yaml").open("a") as rules:
        rules.write(RULE)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    await story.restart_guardian()
    made = (await story.client.post("/v1/tokens", json={"name": "ci", "role": "operator"})).json()["token"]
    secrets = {**PLANTED, "token": made.split("_", 2)[2]}

    await story.switch()
    headers = {"authorization": f"Bearer {PLANTED['header']}", "x-token": PLANTED["header"]}
    answers = [await story.client.post("/v1/services/web/nonsense", headers=headers, content=b"{")]
    answers.append(await story.client.post("/v1/services/web/switch", headers=headers, json={"share": 0}))
    await story.order("rollback", reason="over")
    await story.until("rolled back")
    told = "\n".join([await shown(story.client), *(answer.text for answer in answers)])
    process = Path(f"/proc/{guardian.pid}")
    seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    await guardian.end()

    for name, secret in secrets.items():
        assert secret not in told, name
        assert secret.encode() not in seen, name
        assert [path for path, content in everything(directory) if secret.encode() in content] == [], name
