#!/usr/bin/env python3
"""Do more contexts than cores cost throughput? Runs 2 and then 8 contexts of one engine side by side, in turns.

  build/venv/bin/python bench/contexts.py MODEL.onnx ... [--few 2] [--many 8]

Exit status 1 when many contexts give less than --least of the throughput of few.
"""
import argparse
import sys
import tempfile

import tool

THROUGHPUT = r"Throughput: ([\d.]+(?:e[+-]?\d+)?) qps"


def throughput(temper, path, plan, feed, contexts, args):
    done = temper.trtexec(f"--loadEngine={plan}", *tool.shape_flags(path, feed), f"--infStreams={contexts}", "--threads",
                          f"--duration={args.seconds}", "--warmUp=500", f"--cpuThreads={args.threads}")
    found = done.number(THROUGHPUT)
    if found is None:
        raise tool.Failure("trtexec printed no throughput")
    return found


def measure(temper, name, path, args):
    row = {"model": name}
    try:
        feed = tool.feed_of(args, path)
        with tempfile.TemporaryDirectory() as work:
            plan = f"{work}/model.plan"
            temper.build(path, plan, args.threads, feed)
            best = {args.few: 0.0, args.many: 0.0}
            for _ in range(args.rounds):
                for contexts in best:
                    best[contexts] = max(best[contexts], throughput(temper, path, plan, feed, contexts, args))
        row |= {"few_qps": best[args.few], "many_qps": best[args.many], "kept": best[args.many] / best[args.few]}
        if row["kept"] < args.least:
            row["problem"] = f"{args.many} contexts keep less than {args.least:.0%}"
    except tool.Failure as problem:
        row["problem"] = str(problem)[:200]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tool.add_model_arguments(parser)
    parser.add_argument("--few", type=int, default=2)
    parser.add_argument("--many", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1, help="of each context")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", type=float, default=0.9)
    args = parser.parse_args()
    temper = tool.Tool(args.temper)
    table = tool.Table([("few_qps", f"{args.few} contexts", ".1f"), ("many_qps", f"{args.many} contexts", ".1f"), ("kept", "kept", ".3f")])
    for name, path in tool.chosen_models(args):
        table.add(measure(temper, name, path, args))
    table.save(args.json, few=args.few, many=args.many)
    return 1 if not table.rows or any("problem" in row for row in table.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
