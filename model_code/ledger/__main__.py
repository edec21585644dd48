"""`python -m model_code.ledger [USECASE] [--json]`."""

from model_code.ledger.table import main

if __name__ == "__main__":
    main()
