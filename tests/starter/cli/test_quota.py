"""`certroll quota`: the balance, and every entry that led to it."""

from tests.support.command_line import CommandLine


def test_grants_add_up_and_are_listed(certroll: CommandLine) -> None:
    assert certroll("quota", "grant", "20", "--note", "autumn").stdout == (
        "Granted 20, balance: 20.\n"
    )
    assert certroll.json("quota", "grant", "5") == {"granted": 5, "balance": 25}
    result = certroll.json("quota", "show")
    assert result["balance"] == 25
    assert [(e["kind"], e["amount"], e["note"]) for e in result["entries"]] == [
        ("grant", 20, "autumn"),
        ("grant", 5, ""),
    ]
    text = certroll("quota", "show").stdout
    assert text.splitlines()[1].endswith("grant  20            autumn")
    assert text.endswith("balance: 25\n")


def test_nothing_and_less_cannot_be_granted(certroll: CommandLine) -> None:
    for amount in ("0", "1000000001", "many"):
        assert "Invalid value for 'N'" in certroll.refusal("quota", "grant", amount)
    assert certroll.json("quota", "show")["balance"] == 0
