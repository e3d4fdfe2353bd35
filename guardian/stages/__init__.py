"""The work around a switch: deploy, verify, compare, retire."""
