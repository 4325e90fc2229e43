"""Threads take turns where models are traced, and let others have theirs in between."""

import threading
import time

from bayesnn._internal.turns import between_turns, turn


def test_a_thread_waits_for_the_turn_of_another():
    order, entered = [], threading.Event()

    def first():
        with turn(), turn():
            entered.set()
            time.sleep(0.05)
            order.append("first")

    other = threading.Thread(target=first)
    other.start()
    entered.wait()
    with turn():
        order.append("second")
    other.join()
    assert order == ["first", "second"]


def test_between_turns_others_have_theirs():
    order = []

    def other():
        with turn():
            order.append("other")

    with turn(), turn():
        with between_turns():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(5)
        order.append("own")
        late = threading.Thread(target=other)
        late.start()
        late.join(0.05)
        assert order == ["other", "own"]  # the turn is held again, as often as before
    late.join(5)
    assert order == ["other", "own", "other"]


def test_outside_of_a_turn_nothing_is_let_go():
    with between_turns(), turn():
        pass
