#!/usr/bin/env python3
"""Recall and precision of watertight and of other scanners on the labelled corpus, per format, as a Markdown table.

    cargo run --release --example corpus -- FOLDER
    python3 tests/bench/secrets.py FOLDER [--bin DIRECTORY-OF-KINGFISHER-AND-DETECT-SECRETS] [--ripsecrets FILE]

The other tools come from PyPI (kingfisher-bin, detect-secrets) and crates.io (ripsecrets); one that is absent is left out
and said so. Every tool reads the same files; nothing is verified over the network. A secret is found if a finding begins in
its labelled lines; a finding on any other line (but `either`) is a false alarm. Lines are compared, so that a tool
that reports a line twice is charged once.
"""

import argparse, collections, json, pathlib, re, shutil, subprocess

arguments = argparse.ArgumentParser()
arguments.add_argument("folder", type=pathlib.Path)
arguments.add_argument("--bin", type=pathlib.Path)
arguments.add_argument("--ripsecrets")
options = arguments.parse_args()
folder = options.folder.resolve()
cases = json.loads((folder / "labels.json").read_text())


def program(name):
    own = options.bin.resolve() / name if options.bin else None
    return str(own) if own and own.exists() else shutil.which(name)


def where(path):
    """`PART/CASE` of a path of the folder."""
    parts = pathlib.Path(path).resolve().relative_to(folder).parts
    return "/".join(parts[:2])


def kingfisher(binary, found):
    command = [binary, "scan", str(folder), "--no-validate", "--format", "json", "--no-update-check", "--confidence", "low",
               "--no-dedup", "--exclude", "labels.json"]
    output = subprocess.run(command, capture_output=True, text=True).stdout
    start = output.find("{")
    findings = json.JSONDecoder().raw_decode(output[start:])[0] if start >= 0 else {}
    for entry in findings.get("findings", []):
        finding = entry.get("finding", entry)
        if finding.get("path") and not finding["path"].endswith("labels.json"):
            found[where(finding["path"])].add(int(finding["line"]))
    return bool(findings)


def detect_secrets(binary, found):
    command = [binary, "scan", "--all-files", "--no-verify", "."]
    output = subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout
    results = json.loads(output)["results"]
    for path, secrets in results.items():
        if path != "labels.json":
            for secret in secrets:
                found[where(folder / path)].add(secret["line_number"])
    return True


def ripsecrets(binary, found):
    # It leaves hidden files out unless they are named.
    files = [str(path) for path in folder.rglob("*") if path.is_file() and path.name != "labels.json"]
    output = subprocess.run([binary, "--only-matching", *files], capture_output=True, text=True).stdout
    output = output or subprocess.run([binary, *files], capture_output=True, text=True).stdout
    for line in output.splitlines():
        match = re.match(r"(?P<path>/.*?):(?P<line>\d+):", re.sub(r"\x1b\[[0-9;]*m", "", line))
        if match:
            found[where(match["path"])].add(int(match["line"]))
    return True


tools = {"watertight": {f"{case['part']}/{case['case']}": set(case["watertight"]) for case in cases}}
for name, run, binary in [
    ("kingfisher", kingfisher, program("kingfisher")),
    ("ripsecrets", ripsecrets, options.ripsecrets or program("ripsecrets")),
    ("detect-secrets", detect_secrets, program("detect-secrets")),
]:
    found = collections.defaultdict(set)
    if binary and run(binary, found):
        tools[name] = found
    else:
        print(f"{name} is not here or gave no answer: left out\n")

for part in ["open", "sealed"]:
    rows = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0, 0]))
    own = [case for case in cases if case["part"] == part]
    for case in own:
        secrets = [set(lines) for lines in case["secrets"]]
        pardoned = set().union(*secrets, *map(set, case["either"]))
        for tool, results in tools.items():
            lines = results.get(f"{part}/{case['case']}", set())
            hit = sum(1 for secret in secrets if secret & lines)
            for row in (case["format"], "**all**"):
                score = rows[row][tool]
                score[0] += hit
                score[1] += len(secrets)
                score[2] += len(lines - pardoned)
    if not own:
        print(f"The {part} corpus holds no case.\n")
        continue
    print(f"The {part} corpus: {len(own)} files. Recall / precision, and found of all, false alarms.\n")
    print("| format | " + " | ".join(tools) + " |\n|---" * 1 + "|---" * len(tools) + "|")
    for row in sorted(rows, key=lambda row: (row == "**all**", row)):
        cells = []
        for tool in tools:
            hit, total, wrong = rows[row][tool]
            recall = f"{100 * hit / total:.0f}%" if total else "-"
            precision = f"{100 * hit / (hit + wrong):.0f}%" if hit + wrong else "-"
            cells.append(f"{recall} / {precision} ({hit} of {total}, {wrong})")
        print(f"| {row} | " + " | ".join(cells) + " |")
    print()
