"""`python -m model_code.ledger`."""

from model_code.ledger.table import main

main()
