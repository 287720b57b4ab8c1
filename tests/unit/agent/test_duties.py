"""Duties: no fault of an act ends one, pauses grow and are reset, and it is told when one is not alive."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ferryman_agent.duties import Board, Duty, Limits, State, Then
from ferryman_agent.testing import FakeClock, FakeStopwatch

LIMIT_SECONDS = 20.0
LIMITS = Limits(first_pause=1.0, longest_pause=5.0, patience=60.0)
Answer = float | Then | BaseException


class Work:
    """Does what it was told to, one after the other, and then nothing more; `done` is set at each act."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.acts = 0
        self.done = threading.Semaphore(0)

    def __call__(self) -> float | Then:
        self.acts += 1
        self.done.release()
        answer = self.answers.pop(0) if self.answers else Then.WHEN_WOKEN
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def wait(self) -> None:
        assert self.done.acquire(timeout=LIMIT_SECONDS)


@pytest.fixture
def stopwatch() -> FakeStopwatch:
    return FakeStopwatch()


@pytest.fixture
def made(stopwatch: FakeStopwatch) -> Callable[..., Duty]:
    """What makes a duty of an act, on time that the test decides."""
    clock = FakeClock()
    return lambda act, limits=LIMITS, name="keeper": Duty(name, act, limits, stopwatch, clock)


def ended(duty: Duty) -> State:
    """Its state once its thread has ended."""
    assert duty._thread is not None
    duty._thread.join(LIMIT_SECONDS)
    assert not duty._thread.is_alive()
    return duty.state()


def test_the_pauses_grow_to_a_limit_while_an_act_fails_and_a_success_resets_them(made: Callable[..., Duty]) -> None:
    failures = [OSError("x")] * 4
    duty = made(Work(*failures, 30.0, *failures[:2], Then.RETRY, Then.WHEN_WOKEN, Then.RETRY, 0.0))
    pauses = [duty.turn() for _ in range(11)]
    assert pauses == [1.0, 2.0, 4.0, 5.0, 30.0, 1.0, 2.0, 4.0, Then.WHEN_WOKEN, 1.0, 0.0]


@pytest.mark.parametrize(
    "fault", [OSError("no room"), ValueError("x"), KeyError("y"), AssertionError(), MemoryError(), RecursionError()]
)
def test_a_fault_of_an_act_does_not_end_its_thread(
    made: Callable[..., Duty], fault: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    work = Work(fault, fault)
    duty = made(work)
    duty.start()
    for _ in range(3):
        work.wait()
        duty.wake()
    work.wait()
    assert duty.state().alive
    assert capsys.readouterr().err == 2 * f"the agent's keeper failed: {fault!r}\n"


def test_a_wake_ends_any_pause_and_one_during_an_act_is_not_lost(made: Callable[..., Duty]) -> None:
    entered, leave, acts = threading.Semaphore(0), threading.Semaphore(0), []

    def act() -> float:
        acts.append(1)
        entered.release()
        assert leave.acquire(timeout=LIMIT_SECONDS)
        return 3600.0

    duty = made(act)
    duty.start()
    assert entered.acquire(timeout=LIMIT_SECONDS)
    duty.wake()
    leave.release()
    assert entered.acquire(timeout=LIMIT_SECONDS)
    leave.release()
    duty.wake()
    assert entered.acquire(timeout=LIMIT_SECONDS)
    leave.release()
    assert len(acts) == 3


def test_what_is_over_ends_and_is_forgotten(made: Callable[..., Duty]) -> None:
    board, work = Board(), Work(Then.OVER)
    duty = made(work)
    board.take_on(duty)
    work.wait()
    ended(duty)
    board.revive()
    assert (board.states(), work.acts) == ([], 1)


def test_a_duty_is_alive_while_it_succeeds_in_time(made: Callable[..., Duty], stopwatch: FakeStopwatch) -> None:
    work = Work(30.0)
    duty = made(work)
    assert duty.state().error == "it has not begun"
    duty.start()
    work.wait()
    assert eventually(lambda: duty.state().last_success is not None)
    stopwatch.wait(30.0 + 60.0)
    assert duty.state().alive
    stopwatch.wait(0.1)
    state = duty.state()
    assert (state.alive, state.since, state.error) == (False, state.last_success, "its act does not come to an end")
    duty.wake()
    work.wait()
    assert eventually(lambda: duty.state().alive)


def test_one_whose_acts_fail_for_long_is_not_alive_since_its_last_success(
    made: Callable[..., Duty], stopwatch: FakeStopwatch
) -> None:
    work = Work(10.0, OSError("no room"), OSError("no room"))
    duty = made(work)
    duty.start()
    work.wait()
    assert eventually(lambda: duty.state().last_success is not None)
    success = duty.state().last_success
    stopwatch.wait(10.0)
    duty.wake()
    work.wait()
    assert eventually(lambda: duty.state().error is not None)
    assert duty.state().alive
    stopwatch.wait(60.1)
    assert duty.state() == State("keeper", False, success, success or "", "OSError('no room')")


def test_what_can_not_be_done_now_is_no_fault_of_the_duty(made: Callable[..., Duty], stopwatch: FakeStopwatch) -> None:
    """Harbour is away for a week: the outbox is alive."""
    work = Work(*[Then.RETRY] * 40)
    duty = made(work)
    duty.start()
    for _ in range(40):
        work.wait()
        stopwatch.wait(50.0)
        assert duty.state().alive
        duty.wake()


def test_one_that_waits_to_be_woken_is_late_only_after_a_wake(
    made: Callable[..., Duty], stopwatch: FakeStopwatch
) -> None:
    entered, leave = threading.Semaphore(0), threading.Semaphore(0)

    def act() -> Then:
        entered.release()
        assert leave.acquire(timeout=LIMIT_SECONDS)
        return Then.WHEN_WOKEN

    duty = made(act)
    duty.start()
    assert entered.acquire(timeout=LIMIT_SECONDS)
    leave.release()
    assert eventually(lambda: duty.state().last_success is not None)
    stopwatch.wait(1e6)
    assert duty.state().alive
    duty.wake()
    assert entered.acquire(timeout=LIMIT_SECONDS)
    stopwatch.wait(60.1)
    assert not duty.state().alive
    leave.release()
    assert eventually(lambda: duty.state().alive)


def test_one_that_may_wait_for_ever_inside_an_act_is_never_late(
    made: Callable[..., Duty], stopwatch: FakeStopwatch
) -> None:
    leave = threading.Event()

    def act() -> Then:
        leave.wait(LIMIT_SECONDS)
        return Then.OVER

    duty = made(act, Limits(patience=None))
    duty.start()
    stopwatch.wait(1e6)
    assert duty.state().alive
    leave.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_is_told_and_begun_again(made: Callable[..., Duty]) -> None:
    board, work = Board(), Work(5.0, SystemExit())
    duty = made(work)
    board.take_on(duty)
    work.wait()
    duty.wake()
    work.wait()
    state = ended(duty)
    assert (state.alive, state.error) == (False, "its thread ended: SystemExit()")
    assert board.as_json() == [state.as_json()]
    board.revive()
    work.wait()
    assert [state.alive for state in board.states()] == [True]


def test_one_without_a_thread_to_be_had_is_told_and_begun_later(
    made: Callable[..., Duty], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, work = Board(), Work()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        board.take_on(made(work))
        board.revive()
        told = [(state.alive, state.error) for state in board.states()]
    assert told == [(False, "it could not be started: can't start new thread")]
    board.revive()
    work.wait()
    assert [(state.alive, state.error) for state in board.states()] == [(True, None)]


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_the_board_tells_all_by_name(made: Callable[..., Duty]) -> None:
    board = Board()
    board.take_on(made(Work(), name="outbox"), made(Work(), name="keeper"))
    board.take_on(made(Work(), name="watchdog"))
    told = board.as_json()
    assert [duty["name"] for duty in told] == ["keeper", "outbox", "watchdog"]
    assert [set(duty) for duty in told] == [{"name", "alive", "last_success", "since", "error"}] * 3


def eventually(is_true: Callable[[], bool]) -> bool:
    """Whether it gets true within the limit."""
    limit = threading.Event()
    for _ in range(int(LIMIT_SECONDS / 0.01)):
        if is_true():
            return True
        limit.wait(0.01)
    return False
