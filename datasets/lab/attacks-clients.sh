# Attacks on clients, and by them; sourced by attacks.sh. A function each, named in CLIENT_NAMES.

CLIENT_NAMES=""
