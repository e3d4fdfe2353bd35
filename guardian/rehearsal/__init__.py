"""Rules tried out before anybody trusts them: unit tests, backtests, and the engine both run on."""
