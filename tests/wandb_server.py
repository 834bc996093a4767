"""As much of W&B's server as a run needs: it keeps curves and artifacts in memory, and says what it has on resume."""

import gzip
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ME = {"id": "e", "name": "me"}


class Server(ThreadingHTTPServer):
    """What it was told: `runs` by id (settings, and the lines of the curves by their number), `artifacts`, `used`."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.runs = {}
        self.artifacts = {}  # name -> digests, a version each
        self.used = set()  # names of artifacts that a run has as input
        self.refuse = 0  # an HTTP status to answer everything with

    def lines(self, run):
        return [json.loads(line) for _, line in sorted(self.runs[run]["history"].items())]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.do_POST()

    def do_PUT(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.server.refuse:
            self._send({"errors": [{"message": "permission denied"}]}, self.server.refuse)
        else:
            self._send(answer(self.server, self.path, body))

    def _send(self, content, status=200):
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def answer(server, path, body):
    stream = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", path)
    if stream:
        chunk = (json.loads(body).get("files") or {}).get("wandb-history.jsonl", {"offset": 0, "content": []})
        server.runs[stream[1]]["history"].update(enumerate(chunk["content"], chunk["offset"]))
    if path != "/graphql":
        return {}
    question = json.loads(body)
    known = ANSWERS.get(re.search(r"(?:query|mutation)\s+(\w+)", question["query"])[1])
    return {"data": known(server, question.get("variables") or {}) if known else {}}


def viewer(_server, _asked):
    return {"viewer": {"id": "u", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}}


def upsert(server, asked):
    new = asked["name"] not in server.runs
    run = server.runs.setdefault(asked["name"], {"history": {}})
    run.update({name: value for name, value in asked.items() if value is not None})
    bucket = {"id": "r", "name": asked["name"], "displayName": asked.get("displayName"), "config": asked.get("config")}
    bucket |= {"historyLineCount": len(run["history"]), "project": {"id": "p", "name": "sharploss", "entity": ME}}
    return {"upsertBucket": {"bucket": bucket, "inserted": new}}


def resume(server, asked):
    run, bucket = server.runs.get(asked["name"]), None
    if run:
        tail = [line for _, line in sorted(run["history"].items())][-1:]
        counts = {"historyLineCount": len(run["history"]), "eventsLineCount": 0, "logLineCount": 0}
        texts = {"historyTail": json.dumps(tail), "eventsTail": "[]", "config": "{}", "summaryMetrics": "{}"}
        bucket = {"id": "r", "name": asked["name"], "wandbConfig": '{"t": 1}', "tags": [], **counts, **texts}
    return {"model": {"id": "p", "name": asked["project"], "entity": ME, "bucket": bucket}}


def create_files(server, asked):
    files = [{"name": name, "uploadUrl": f"{server.address}/upload/{name}"} for name in asked["files"]]
    return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}


def create_artifact(server, asked):
    name, digest = (asked["input"][key] for key in ("artifactCollectionName", "digest"))
    digests = server.artifacts.setdefault(name, [])
    digests += [digest] if digest not in digests else []
    artifact = {"id": name, "state": "COMMITTED", "artifactSequence": {"id": "s", "latestArtifact": None}}
    return {"createArtifact": {"artifact": artifact}}


def use_artifact(server, asked):
    server.used.add(asked["input"]["artifactID"])
    return {"useArtifact": {"artifact": {"id": "a"}}}


ANSWERS = {
    "Viewer": viewer,
    "UpsertBucket": upsert,
    "RunResumeStatus": resume,
    "CreateRunFiles": create_files,
    "ArtifactType": lambda _server, _asked: {"project": None},
    "CreateArtifact": create_artifact,
    "UseArtifact": use_artifact,
}


@contextmanager
def serve():
    """Run the server in a thread for as long as the block runs."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
