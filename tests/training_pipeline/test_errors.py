from training_pipeline.errors import GateStopped, PipelineError


def test_message_cannot_steer_a_terminal_and_keeps_its_lines() -> None:
    assert str(PipelineError("a\x1b[2J\x07\u202e\udcff\r")) == r"a\x1b[2J\x07\u202e\udcff\r"
    assert str(GateStopped("two gates:\nFAIL \x9b1m\nFAIL")) == "two gates:\nFAIL \\x9b1m\nFAIL"
