"""`python -m services.keeping.tables`: makes the prediction tables of EVENKEEL_SQL_URL, or brings them up to date."""

import os
import sys

from model_code.errors import EvenkeelError
from model_code.prediction_table import prepare
from model_code.sql import engine
from services.keeping.sink import URL


def main() -> int:
    """Prepare the tables.

    Returns:
        Exit status; what went wrong is on standard error.
    """
    try:
        prepare(engine(os.environ[URL]))
    except EvenkeelError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
