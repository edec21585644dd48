"""`python -m model_code.metrics > docs/metrics.md`."""

from model_code.metrics import as_markdown

if __name__ == "__main__":
    print(as_markdown(), end="")
