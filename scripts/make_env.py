#!/usr/bin/env python3
"""Write .env for docker compose: .env.example with every secret filled in.

The script needs only Python, because it runs before anything is installed. It keeps an existing .env, because
the databases were created with its passwords.
"""

import argparse
import base64
import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SECRETS = {
    "AIRFLOW_FERNET_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "AIRFLOW_JWT_SECRET": lambda: secrets.token_urlsafe(64),  # HS512 needs a key of at least 64 bytes
    "AIRFLOW_SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "AIRFLOW_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(18),
    # Hexadecimal, because most of these become part of connection URLs.
    "POSTGRES_PASSWORD": lambda: secrets.token_hex(24),
    "AIRFLOW_PASSWORD": lambda: secrets.token_hex(24),
    "CELERY_PASSWORD": lambda: secrets.token_hex(24),
    "REDIS_PASSWORD": lambda: secrets.token_hex(24),
    "WAREHOUSE_REPORT_PASSWORD": lambda: secrets.token_hex(24),
}
UID_LINE = "\nAIRFLOW_UID=50000\n"
# What docker-compose.dev.yaml mounts: Docker would create an absent folder as root.
MOUNTED = ("dags", "logs", "plugins", "config")


def fill(template: str) -> str:
    """Return `template` with a new value for each secret; each must occur once, without a value."""
    for name, generate in SECRETS.items():
        if template.count(f"\n{name}=\n") != 1:
            raise SystemExit(f"make_env: .env.example must have exactly one empty line '{name}='")
        template = template.replace(f"\n{name}=\n", f"\n{name}={generate()}\n")
    # root in a container would be root on the mounted folders
    uid = os.getuid() if hasattr(os, "getuid") else 0
    return template.replace(UID_LINE, f"\nAIRFLOW_UID={uid or 50000}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write .env for docker compose, with fresh secrets.")
    parser.add_argument("--output", type=Path, default=ROOT / ".env", help="default: .env of this checkout")
    output = parser.parse_args().output
    content = fill((ROOT / ".env.example").read_text())
    try:
        # Only the owner may ever read the file, and it must not replace an existing file.
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"make_env: {output} exists and is left alone; remove it (and the volumes) to start over")
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    for name in MOUNTED:
        (output.parent / name).mkdir(exist_ok=True)
    sys.stdout.write(
        f"wrote {output}; Airflow's user is admin, the password is AIRFLOW_ADMIN_PASSWORD in it\n"
    )


if __name__ == "__main__":
    main()
