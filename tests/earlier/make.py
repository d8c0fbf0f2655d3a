#!/usr/bin/env python3
"""Makes a data folder by a built WebDistill and keeps it with what its API answered (README.md beside this file).

make.py SERVER.dll NAME writes NAME.zip: a folder `root/`, as the server left it, and `answers/`, one JSON file per address.
"""
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
import zipfile

LISTS = ("runs", "datasets", "models", "evaluations", "sweeps", "steps", "log", "checkpoints")

server, name = os.path.abspath(sys.argv[1]), sys.argv[2]
here = os.path.dirname(os.path.abspath(__file__))
work = tempfile.TemporaryDirectory(prefix="webdistill-earlier-")
root = os.path.join(work.name, "root")

process = subprocess.Popen(
    ["dotnet", server, "--urls", "http://127.0.0.1:0", "--Storage:Root", root, "--Logging:LogLevel:Default", "Warning",
     "--Storage:ReserveMegabytes", "0"],
    cwd=os.path.join(here, "..", ".."), stdout=subprocess.PIPE, text=True)
while not (line := process.stdout.readline()).startswith("WebDistill listens on "):
    assert line, "The server did not start."
address = line.split()[-1]


def ask(path, body=None, headers=None, method=None):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, headers or {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code} {error.read().decode()}")


def form(path, fields, files):
    border, body = uuid.uuid4().hex, io.BytesIO()
    for field, value in fields.items():
        body.write(f'--{border}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode())
    for field, file, content in files:
        body.write(f'--{border}\r\nContent-Disposition: form-data; name="{field}"; filename="{file}"\r\n\r\n'.encode() + content + b"\r\n")
    body.write(f"--{border}--\r\n".encode())
    return ask(path, body.getvalue(), {"Content-Type": f"multipart/form-data; boundary={border}"})


def until(path, done, pause=0.02):
    while not done(answer := ask(path)):
        time.sleep(pause)
    return answer


def ended(run):
    found = until(f"/api/runs/{run}", lambda r: r["status"] in ("Completed", "Failed", "Stopped"))
    assert found["status"] == "Completed", found
    return found


try:
    text = "".join(f"The {'red' if i % 3 == 0 else 'blue'} bird number {i % 17} sat on the {'wall' if i % 2 == 0 else 'tree'} and sang. "
                   f"Then bird number {i % 11} flew to the {'roof' if i % 5 == 0 else 'river'} and slept there.\n\n" for i in range(120))
    dataset = form("/api/datasets", {"vocabularySize": 280, "name": "Birds", "validationProportion": 0.1}, [("file", "birds.txt", text.encode())])["id"]
    until(f"/api/datasets/{dataset}", lambda d: d["state"] == "Ready")

    training = {
        "name": "Teacher", "datasetId": dataset, "studentInitialisation": "random", "studentLayerCount": 2, "studentWidth": 4, "studentHeads": 2,
        "contextLength": 16, "dropout": 0, "alphaCe": 0, "alphaClm": 1, "alphaCos": 0, "epochs": 3, "learningRate": 0.005,
        "validationIntervalSteps": 20, "validationMaxTokens": 256, "checkpointIntervalSteps": 0, "keepLastCheckpoints": 1,
    }
    teacher = ended(ask("/api/runs", training)["id"])
    # No option has its default that can have another one here.
    everything = {
        "name": "Student with \"every\" option", "teacherId": teacher["studentModelId"], "studentInitialisation": "teacher-layers",
        "studentLayerCount": 1, "studentTeacherLayers": [1], "initialiserRange": 0.03, "dropout": 0.05, "datasetId": dataset,
        "sequenceMode": "HuggingFace", "contextLength": 12, "groupBySize": False, "shuffle": False, "temperature": 3, "alphaCe": 4, "alphaClm": 1.5,
        "alphaMse": 0.0001, "alphaCos": 0.5, "mseReduction": "PerElement", "epochs": 1, "batchSize": 4, "gradientAccumulation": 2,
        "learningRate": 0.001, "warmupProportion": 0.1, "weightDecay": 0.01, "adamBeta1": 0.85, "adamBeta2": 0.95, "adamEpsilon": 1e-07,
        "maxGradientNorm": 3, "freezePositionEmbeddings": True, "seed": 7, "precision": "BFloat16", "semantics": "HuggingFaceExact",
        "validationIntervalSteps": 7, "validationMaxTokens": 300, "checkpointIntervalSteps": 10, "checkpointIntervalMinutes": 3,
        "keepLastCheckpoints": 2, "keepBestCheckpoint": False, "keepCheckpointEverySteps": 50,
    }
    ended(ask("/api/runs", everything)["id"])
    ended(ask("/api/runs", training | {
        "name": "Goes on from the teacher", "studentInitialisation": "checkpoint", "studentModelId": teacher["studentModelId"], "epochs": 1,
        "studentLayerCount": None, "studentWidth": None, "studentHeads": None, "contextLength": None})["id"])

    # Twice the same: one to its end, one paused before it.
    long = {
        "teacherId": teacher["studentModelId"], "datasetId": dataset, "studentLayerCount": 1, "dropout": 0.1, "epochs": 2, "batchSize": 8,
        "validationIntervalSteps": 50, "validationMaxTokens": 256, "checkpointIntervalSteps": 0, "keepLastCheckpoints": 1,
    }
    ended(ask("/api/runs", long | {"name": "Never cut"})["id"])
    paused = ask("/api/runs", long | {"name": "Paused"})["id"]
    until(f"/api/runs/{paused}", lambda r: r["step"] >= 10, pause=0.001)
    ask(f"/api/runs/{paused}/pause", b"", method="POST")
    until(f"/api/runs/{paused}", lambda r: r["status"] == "Paused")

    sweep = ask("/api/sweeps", {
        "name": "Temperatures", "options": training | {"name": "", "teacherId": teacher["studentModelId"], "studentInitialisation": "teacher-layers",
            "studentLayerCount": 1, "studentWidth": None, "studentHeads": None, "epochs": 1, "alphaCe": 5, "validationIntervalSteps": 0},
        "dimensions": [{"name": "T", "values": [{"label": "1", "changes": {"temperature": 1}}, {"label": "4", "changes": {"temperature": 4}}]}],
    })["id"]
    until(f"/api/sweeps/{sweep}", lambda s: s["isAtRest"])

    # Out and in again: what an import leaves.
    with urllib.request.urlopen(f"{address}/api/models/{teacher['studentModelId']}/download") as response:
        archive = zipfile.ZipFile(io.BytesIO(response.read()))
    imported = form("/api/models", {"name": "Imported"}, [("files", os.path.basename(n), archive.read(n)) for n in archive.namelist()])["id"]
    evaluation = ask("/api/evaluations", {"modelId": imported, "set": "text", "datasetId": dataset, "contextLength": 16, "stride": 8})["id"]
    until(f"/api/evaluations/{evaluation}", lambda e: e["status"] == "Completed")

    paths = ["/api/runs", "/api/datasets", "/api/models", "/api/evaluations", "/api/sweeps", f"/api/sweeps/{sweep}"]
    for run in ask("/api/runs?limit=1000"):
        # The steps of two runs are enough: those of the others would be most of the archive.
        parts = ("", "/series", "/log", "/checkpoints") + (("/steps",) if run["name"].startswith(("Student", "Paused")) else ())
        paths += [f"/api/runs/{run['id']}{part}" for part in parts]
    answers = {path: ask(path + ("?limit=1000" if path.split("/")[-1] in LISTS else "")) for path in paths}
finally:
    process.terminate()
    process.wait()

with zipfile.ZipFile(os.path.join(here, name + ".zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for folder, _, files in sorted(os.walk(root)):
        for file in sorted(files):
            path = os.path.join(folder, file)
            archive.write(path, os.path.relpath(path, work.name))
    archive.writestr("answers.json", json.dumps(answers))
print(os.path.getsize(os.path.join(here, name + ".zip")), "bytes")
