# SPDX-License-Identifier: Apache-2.0
"""Every shell script passes shellcheck."""

import subprocess

import tree as tidy


def is_script(tree, path):
    return path.endswith(".sh") or tree.text(path)[:32].startswith(("#!/bin/bash", "#!/bin/sh"))


def shell_findings(tree):
    scripts = [path for path in tree.files if not path.endswith(".gz") and is_script(tree, path)]
    if not scripts:
        return
    run = subprocess.run(["shellcheck", "--format=gcc", *scripts], cwd=tree.root, capture_output=True, text=True)
    yield from run.stdout.splitlines()
    if run.returncode != 0 and not run.stdout:
        yield f"shellcheck failed: {run.stderr.strip()[:300]}"


if __name__ == "__main__":
    tidy.main(shell_findings)
