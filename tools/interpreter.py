"""Prints the folder of a Python 3.13 that has pip: `sam build` wants it first on the path."""

from local.deploy import interpreter_with_pip

if __name__ == "__main__":
    print(interpreter_with_pip())
