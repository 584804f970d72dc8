#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what weft and scikit-learn learn from the same tables.

    bench/tables.py WEFT [--seeds 10] [--epochs 60] [--output FILE]

The tables are those that scikit-learn has in its package: wine and breast cancer (classes) and
diabetes (a number). Each is written as CSV with a column of categories and with 3 % of its numbers
missing, and is cut into training and test rows by the seed. `weft train` reads them with data.type
csv. MLPClassifier and MLPRegressor read the same files through a pipeline that does what weft does:
missing numbers become the mean of their column, categories a number each, and all columns get mean
0 and standard deviation 1. Hidden sizes, ReLU, Adam, learning rate, batch size and epochs are the
same. Initial weights and the order of samples are each one's own, so the results differ as seeds
do. The Python with scikit-learn is $WEFT_PYTHON, or the one that runs this file.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HIDDEN, BATCH, LR = [32, 16], 20, 2e-3

PEER = r"""
import csv, json, pathlib, sys, warnings
try:
    import numpy as np
    import sklearn
    from sklearn import datasets
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit()
warnings.filterwarnings("ignore")  # of an optimizer that has not converged after so many epochs
folder, options = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])

# Table, the column that becomes three categories, and what the target is divided by.
SETS = {"wine": (datasets.load_wine, "hue", None), "breast_cancer": (datasets.load_breast_cancer, "mean smoothness", None),
        "diabetes": (lambda: datasets.load_diabetes(scaled=False), "s6", 100)}


def write(name, seed):
    # The two files of a table.
    loader, grouped, scale = SETS[name]
    table = loader()
    names = [str(n).replace(" ", "_") for n in table.feature_names]
    at = names.index(grouped.replace(" ", "_"))
    random = np.random.default_rng(seed)
    edges = np.quantile(table.data[:, at], [1 / 3, 2 / 3])
    rows = []
    for values, target in zip(table.data, table.target):
        row = ["" if random.random() < 0.03 else repr(float(v)) for v in values]
        row[at] = ["low", "middle", "high"][int(np.searchsorted(edges, values[at]))]
        rows.append(row + [repr(float(target) / scale) if scale else str(table.target_names[target])])
    order = random.permutation(len(rows))
    cut = round(0.7 * len(rows))
    for part, chosen in (("train", order[:cut]), ("test", order[cut:])):
        with open(folder / f"{name}-{seed}-{part}.csv", "w", newline="") as file:
            csv.writer(file).writerows([names + ["target"], *(rows[i] for i in chosen)])
    return names[at]


def read(name, seed, part):
    with open(folder / f"{name}-{seed}-{part}.csv", newline="") as file:
        head, *rows = csv.reader(file)
    return head[:-1], [row[:-1] for row in rows], [row[-1] for row in rows]


def score(name, seed, category):
    names, train, labels = read(name, seed, "train")
    _, test, wanted = read(name, seed, "test")
    numbers = [i for i, n in enumerate(names) if n != category]
    columns = lambda rows: np.array([[float(f) if f and i in numbers else np.nan if i in numbers else f for i, f in enumerate(row)]
                                     for row in rows], dtype=object)
    prepare = make_pipeline(ColumnTransformer([("numbers", SimpleImputer(), numbers),
                                               ("categories", OneHotEncoder(), [names.index(category)])], sparse_threshold=0),
                            StandardScaler())
    numeric = SETS[name][2] is not None
    model = (MLPRegressor if numeric else MLPClassifier)(
        hidden_layer_sizes=options["hidden"], activation="relu", solver="adam", alpha=0, batch_size=options["batch"],
        learning_rate_init=options["lr"], max_iter=options["epochs"], n_iter_no_change=options["epochs"] + 1, random_state=seed)
    pipeline = make_pipeline(prepare, model)
    y = np.array(labels, dtype=float) if numeric else np.array(labels)
    pipeline.fit(columns(train), y)
    got = pipeline.predict(columns(test))
    if numeric: return float(np.mean(np.abs(got - np.array(wanted, dtype=float))))
    return float(np.mean(got == np.array(wanted)))


for name, (_, _, scale) in SETS.items():
    for seed in range(options["seeds"]):
        category = write(name, seed)
        print(json.dumps({"table": name, "seed": seed, "category": category, "numeric": scale is not None,
                          "version": sklearn.__version__, "score": score(name, seed, category)}), flush=True)
"""


def weft_score(weft, folder, row, epochs):
    """Accuracy, or the mean absolute error of numbers, of the test rows."""
    stem, run = f"{row['table']}-{row['seed']}", folder / f"run-{row['table']}-{row['seed']}"
    task = "regression" if row["numeric"] else "classification"
    config = folder / f"{stem}.yaml"
    config.write_text(f"""run: {{seed: {row["seed"]}, dir: {run}}}
data: {{type: csv, path: {stem}-train.csv, test_path: {stem}-test.csv, target: target, task: {task},
       categorical: [{row["category"]}], missing: mean}}
model: {{type: mlp, hidden: {HIDDEN}}}
task: {task}
optimizer: {{type: adam, lr: {LR}}}
scheduler: constant
train: {{epochs: {epochs}, batch_size: {BATCH}}}
validation: {{metrics: [{"mae" if row["numeric"] else "accuracy"}]}}
""", encoding="utf-8")
    for arguments in (["train", config], ["evaluate", run, "--json"]):
        result = subprocess.run([weft, *arguments], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            sys.exit(f"tables: weft {arguments[0]} ended with {result.returncode}: {result.stderr}")
    return json.loads(result.stdout)["mae" if row["numeric"] else "accuracy"]


def summary(scores):
    return f"{statistics.mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft", help="the command, such as build/cpu/weft")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--output", type=pathlib.Path, help="JSON file of all scores")
    options = parser.parse_args()
    python = os.environ.get("WEFT_PYTHON", sys.executable)
    settings = {"hidden": HIDDEN, "batch": BATCH, "lr": LR, "epochs": options.epochs, "seeds": options.seeds}
    with tempfile.TemporaryDirectory(prefix="weft-tables-") as name:
        folder = pathlib.Path(name)
        peer = subprocess.run([python, "-c", PEER, folder, json.dumps(settings)], capture_output=True, text=True, check=False)
        if peer.returncode != 0:
            sys.exit(f"tables: scikit-learn's side ended with {peer.returncode}: {peer.stderr}")
        rows = [json.loads(line) for line in peer.stdout.splitlines()]
        if "missing" in rows[0]:
            print(f"tables: skipped, because {python} has no scikit-learn ({rows[0]['missing']}); $WEFT_PYTHON names another Python")
            return
        for row in rows:
            row["weft"] = weft_score(options.weft, folder, row, options.epochs)
    print(f"{options.seeds} seeds, {options.epochs} epochs, scikit-learn {rows[0]['version']}; mean (lowest to highest)\n")
    print("| table | score | weft | scikit-learn | difference |\n|---|---|---:|---:|---:|")
    for table in dict.fromkeys(row["table"] for row in rows):
        of = [row for row in rows if row["table"] == table]
        difference = [row["weft"] - row["score"] for row in of]
        print(f"| {table} | {'mean absolute error' if of[0]['numeric'] else 'accuracy'} | {summary([r['weft'] for r in of])} "
              f"| {summary([r['score'] for r in of])} | {statistics.mean(difference):+.3f} "
              f"± {statistics.stdev(difference) / len(of) ** 0.5:.3f} |")
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


main()
