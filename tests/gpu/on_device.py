"""The checks on a machine with an NVIDIA GPU and a PyTorch, in the folder that `tests/gpu/run build` packed: first what must be true (symbols,
golden tests), then how fast it is. Every result is one line of JSON; the exit status is that of the golden tests."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import symbols

FOLDER = Path(__file__).resolve().parent
PROGRAM = FOLDER / "program" / "WebDistill.GpuCheck"


def line(**result):
    print(json.dumps(result), flush=True)
    return result


def find_libraries(given):
    """The folder of libtorch's libraries, and those beside it that its own paths may not name."""
    if given:
        return [Path(given).resolve()]
    import torch
    site = Path(torch.__file__).resolve().parent.parent
    line(check="pytorch", version=torch.__version__, cuda=torch.version.cuda,
         device=torch.cuda.get_device_name(0) if torch.cuda.is_available() else None)
    return [Path(torch.__file__).resolve().parent / "lib", *sorted((site / "nvidia").glob("*/lib"))]


def run(command, environment, seconds):
    """Runs a command, passes its lines of JSON on and returns them with its status; one that ends without a word of its own is named."""
    try:
        done = subprocess.run([str(part) for part in command], env=environment, stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=max(1, seconds))
        status, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        status, out, err = 124, "", f"ended after {seconds:.0f} s"
    results = []
    for part in out.splitlines():
        print(part, flush=True)
        if part.startswith("{"):
            results.append(json.loads(part))
    if status != 0:
        line(check="failure", command=" ".join(str(part) for part in command[1:]), status=status, error=err.strip()[-2000:])
    return status, results


def measure(kind, numbers, peaks, program, environment, deadline):
    """One speed of the product or of the peer, with its share of the measured peak; None when there is no time or no memory for it."""
    if deadline - time.monotonic() < 20:
        line(check="skipped", step=kind, numbers=numbers, reason="the time is up")
        return None
    status, results = run(program, environment, deadline - time.monotonic())
    steps = [result for result in results if "tokensPerSecond" in result]
    if status != 0 or not steps:
        return None
    result = steps[-1]
    if numbers in peaks and "BFloat16" in peaks:
        line(check="share", step=kind, numbers=numbers, batch=result["batch"], tokensPerSecond=result["tokensPerSecond"],
             ofBFloat16Peak=round(result["teraflopsPerSecond"] / peaks["BFloat16"], 4),
             ofOwnPeak=round(result["teraflopsPerSecond"] / peaks[numbers], 4))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--libraries", help="folder of libtorch's libraries; without it, PyTorch's torch/lib")
    parser.add_argument("--cpu", action="store_true", help="no GPU is expected: sizes for a processor, and no peer unless there is a PyTorch")
    parser.add_argument("--seconds", type=float, default=540, help="no measurement starts after this time")
    a = parser.parse_args()
    deadline = time.monotonic() + a.seconds

    folders = find_libraries(a.libraries)
    found = line(**symbols.report(FOLDER / "program" / "libLibTorchSharp.so", folders[0]))
    if found["symbolsMissing"]:
        line(check="note", text="A call of a missing symbol ends the process; libraries of PyTorch 2.10 have all of them.")
    # Read by the system's loader at the start of a process, and before the paths that are written into libraries.
    environment = dict(os.environ, WEBDISTILL_GOLDEN_DIR=str(FOLDER / "golden"),
                       LD_LIBRARY_PATH=":".join([*map(str, folders), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]))

    status, results = run([PROGRAM, "device"], environment, 120)
    if status != 0:
        return status
    if results[0]["isCuda"] == a.cpu:
        line(check="failure", command="device", status=1,
             error=f"libtorch computes on {results[0]['engine']}; expected {'the processor' if a.cpu else 'a GPU: see the libraries above, and nvidia-smi'}.")
        return 1
    golden, _ = run([PROGRAM, "golden"], environment, 300)

    all_numbers = ["Float32", "BFloat16"] if a.cpu else ["BFloat16", "TensorFloat32", "Float32"]
    peaks = {}
    for numbers in all_numbers:
        status, results = run([PROGRAM, "peak", numbers, 256 if a.cpu else 8192], environment, 120)
        if status == 0:
            peaks[numbers] = results[-1]["teraflopsPerSecondBest"]
    teacher, batch, context, steps = ("tiny", 2, 64, 2) if a.cpu else ("gpt2", "fill", 1024, 8)
    has_peer = a.libraries is None
    for numbers in all_numbers:
        own = measure("product", numbers, peaks, [PROGRAM, "step", teacher, numbers, batch, context, steps], environment, deadline)
        # The peer keeps the logits of all tokens: it gets as many rows as it has memory for, from those of the product downwards.
        rows = own["batch"] if own else 32
        while has_peer and rows >= 1:
            peer = [sys.executable, FOLDER / "step_pytorch.py", "--teacher", teacher, "--batch", rows, "--context", context,
                    "--device", "cpu" if a.cpu else "cuda", "--numbers", numbers, "--attention", "eager" if a.cpu else "sdpa", "--steps", steps]
            if measure("peer", numbers, peaks, peer, dict(os.environ), deadline) or deadline - time.monotonic() < 20:
                break
            rows //= 2
    return golden


if __name__ == "__main__":
    sys.exit(main())
