"""L-BFGS against the textbook's two-loop recursion, on problems with known minima, and cut off."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.errors import DivergedError
from impasto.optimize.lbfgs import LBFGS
from impasto.optimize.precondition import by_frequency
from optimize.problems import Quadratic, copied, picture, rosenbrock


def two_loops(gradient, pairs, P):
    """Nocedal and Wright 2006, algorithm 7.4, with H0 = γ P and γ = sᵀy / yᵀPy."""
    q = gradient.copy()
    alphas = []
    for s, y in reversed(pairs):
        alpha = s @ q / (y @ s)
        q -= alpha * y
        alphas.append(alpha)
    s, y = pairs[-1]
    r = (s @ y) / (y @ P @ y) * (P @ q)
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        r += s * (alpha - y @ r / (y @ s))
    return -r


def frequency_matrix(height, width, power):
    """`by_frequency` as a matrix, column by column."""
    apply = by_frequency(height, width, power, torch.device("cpu"))
    n = 3 * height * width
    columns = apply(torch.eye(n).view(n, 3, height, width)).view(n, n).T.double().numpy()
    return apply, (columns + columns.T) / 2


def random_curvature(n, seed=0):
    random = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(random.normal(size=(n, n)))
    return Q @ np.diag(np.geomspace(0.2, 20, n)) @ Q.T


@pytest.mark.parametrize("power", [None, 0.4])
@pytest.mark.parametrize(("history", "steps"), [(100, 12), (4, 20), (1, 6), (25, 60)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_direction_is_the_two_loop_recursions(history, steps, power, dtype):
    height, width = 4, 5
    n = 3 * height * width
    random = np.random.default_rng(1)
    options, P = {}, np.eye(n)
    if power is not None:
        options["precondition"], P = frequency_matrix(height, width, power)
    lbfgs = LBFGS(picture(height, width, dtype=dtype), history=history, **options)
    A = random_curvature(n)
    pairs, x_before, g_before = [], None, None
    worst = 0.0
    for step in range(steps):
        x = lbfgs.image.flatten().double().numpy().copy()
        # Curvature with noise: pairs that no quadratic has. The loss falls, so all is accepted.
        g = torch.from_numpy(A @ x + 0.02 * random.normal(size=n)).to(dtype)
        lbfgs.tell(-1e6 * step, g.view(1, 3, height, width))
        g = g.double().numpy()
        if step:
            s, y = x - x_before, g - g_before
            if s @ y > 1e-10 * np.linalg.norm(s) * np.linalg.norm(y):
                pairs = [*pairs, (s, y)][-history:]
            expected = two_loops(g, pairs, P)
            if expected @ g < 0:
                got = lbfgs.image.flatten().double().numpy() - x
                error = np.linalg.norm(got - expected) / np.linalg.norm(expected)
                worst = max(worst, error)
            else:
                pairs = []
        x_before, g_before = x, g
    # The preconditioner has float32 gains, whatever the picture.
    assert worst < (2e-2 if dtype == torch.float32 else 1e-8 if power is None else 1e-4)
    assert len(pairs) == min(history, steps - 1)


def test_the_first_step_is_steepest_descent_of_a_few_levels():
    apply, P = frequency_matrix(4, 5, 0.4)
    x, g = picture(), picture(seed=1) - 0.5
    lbfgs = LBFGS(x, precondition=apply)
    lbfgs.tell(1.0, g)
    moved = (lbfgs.image - x).flatten().double().numpy()
    direction = -P @ g.flatten().double().numpy()
    assert np.sqrt(np.mean(moved**2)) == pytest.approx(8 / 255, rel=1e-4)
    cosine = moved @ direction / np.linalg.norm(moved) / np.linalg.norm(direction)
    assert cosine == pytest.approx(1, abs=1e-5)


def minimise(lbfgs, function, steps):
    losses, setbacks = [], []
    for _ in range(steps):
        assert bool(torch.isfinite(lbfgs.image).all())
        loss, gradient = function(lbfgs.image)
        losses.append(loss)
        setbacks.append(lbfgs.tell(loss, gradient))
    return losses, setbacks


@pytest.mark.parametrize("power", [0.0, 0.4])
def test_an_ill_conditioned_quadratic(power):
    target = picture(6, 7, seed=3, dtype=torch.float64)
    stiffness = torch.logspace(0, 4, target.numel(), dtype=torch.float64).view(target.shape)
    lbfgs = LBFGS(
        picture(6, 7, dtype=torch.float64),
        precondition=by_frequency(6, 7, power, torch.device("cpu")),
    )
    losses, _ = minimise(lbfgs, Quadratic(target, stiffness), 250)
    # Along the softest direction steepest descent at best keeps (1 - 2/10⁴)^500 ≈ 90 % of it.
    assert min(losses) < 1e-7 * losses[0]


def test_the_valley_of_rosenbrock():
    x = 0.3 + picture(2, 5, dtype=torch.float64)
    lbfgs = LBFGS(x, history=20)
    losses, setbacks = minimise(lbfgs, rosenbrock, 60)
    assert min(losses) < 1e-8
    assert any(setbacks)  # the bend is met, and survived


def test_bounded_it_finds_the_nearest_point_of_the_box():
    """With the same stiffness everywhere the minimum inside is the target, clipped."""
    target = 1.5 * picture(6, 7, seed=3, dtype=torch.float64) - 0.25
    lbfgs = LBFGS(picture(6, 7, dtype=torch.float64), bounded=True)
    minimise(lbfgs, Quadratic(target, torch.ones_like(target)), 40)
    torch.testing.assert_close(lbfgs.image, target.clamp(0, 1), rtol=0, atol=1e-6)


def test_bounded_it_finds_what_scipy_finds():
    """Pixels that pull at each other: those at a bound bend where the others go."""
    n = 3 * 4 * 5
    A = random_curvature(n)
    target = 2 * np.random.default_rng(5).random(n) - 0.5
    wanted = minimize(
        lambda x: 0.5 * (x - target) @ A @ (x - target),
        np.full(n, 0.5),
        jac=lambda x: A @ (x - target),
        bounds=[(0, 1)] * n,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 50000, "ftol": 1e-15, "gtol": 1e-12},
    )
    matrix, to = torch.from_numpy(A), torch.from_numpy(target)

    def function(image):
        away = image.flatten() - to
        return float(0.5 * away @ matrix @ away), (matrix @ away).view(image.shape)

    lbfgs = LBFGS(picture(4, 5, dtype=torch.float64), bounded=True)
    losses, _ = minimise(lbfgs, function, 120)
    assert 5 < np.sum((wanted.x == 0) | (wanted.x == 1)) < n - 5
    assert min(losses) == pytest.approx(wanted.fun, rel=1e-4)


def test_bounded_it_never_leaves_the_box():
    target = 5 * picture(6, 7, seed=3, dtype=torch.float64) - 2
    stiffness = torch.logspace(0, 4, target.numel(), dtype=torch.float64).view(target.shape)
    lbfgs = LBFGS(2 * picture(6, 7, dtype=torch.float64) - 0.5, bounded=True, first_step=0.5)
    function = Quadratic(target, stiffness)
    for _ in range(60):
        assert 0 <= float(lbfgs.image.min()) <= float(lbfgs.image.max()) <= 1
        lbfgs.tell(*function(lbfgs.image))


def cliff(inner, radius, beyond):
    """The function ``inner`` that is ``beyond`` farther than ``radius`` from the first picture."""
    first = []

    def function(x):
        first.append(x.clone())
        loss, gradient = inner(x)
        if float((x - first[0]).abs().max()) > radius:
            return beyond(loss), gradient * beyond(1.0)
        return loss, gradient

    return function


@pytest.mark.parametrize(
    "beyond", [lambda _: math.nan, lambda _: math.inf, lambda loss: 1e9 * loss]
)
def test_a_step_off_a_cliff_is_taken_back_and_shortened(beyond):
    x = picture(dtype=torch.float64)
    lbfgs = LBFGS(x, first_step=0.5)
    function = cliff(Quadratic(x + 0.1), 0.2, beyond)
    losses, setbacks = minimise(lbfgs, function, 40)
    assert setbacks[1] == "step shortened"
    assert min(loss for loss in losses if math.isfinite(loss)) < 1e-12


def test_a_loss_that_is_not_finite_is_taken_back_whatever_its_gradient():
    x = picture()
    lbfgs = LBFGS(x)
    lbfgs.tell(1.0, torch.ones_like(x))
    broken = torch.ones_like(x)
    broken[0, 0, 0, 0] = math.nan
    tried = lbfgs.image.clone()
    assert lbfgs.tell(math.nan, broken) == "step shortened"
    assert bool(torch.isfinite(lbfgs.image).all())
    torch.testing.assert_close(lbfgs.image - x, 0.1 * (tried - x), rtol=1e-3, atol=1e-7)


def test_a_rise_is_shortened_to_the_minimum_of_the_parabola():
    x = picture(dtype=torch.float64)
    # From loss 1 with slope m along the step, and 1 + m + c after it: the lowest is at -m / (2c).
    lbfgs = LBFGS(x, first_step=0.1)
    g = torch.ones_like(x)
    lbfgs.tell(1.0, g)
    d = lbfgs.image - x
    m = float((d * g).sum())
    c = -2 * m
    assert lbfgs.tell(1 + m + c, g) == "step shortened"
    torch.testing.assert_close(lbfgs.image - x, d * (-m / (2 * c)))


def worn_out(lbfgs, loss, gradient, most=100):
    """Tell only bad news until it gives up; return what it answered."""
    answers = []
    while not lbfgs.converged and len(answers) < most:
        assert bool(torch.isfinite(lbfgs.image).all())
        answers.append(lbfgs.tell(loss, gradient))
    return answers


def begun():
    lbfgs = LBFGS(picture())
    stiffness = torch.logspace(0, 2, 60).view(1, 3, 4, 5)
    _, setbacks = minimise(lbfgs, Quadratic(picture(seed=1), stiffness), 5)
    assert setbacks[-1] is None
    return lbfgs


def test_when_shortening_does_not_help_the_history_is_forgotten():
    lbfgs = begun()
    assert lbfgs.state()["rows"]
    answers = worn_out(lbfgs, 1e9, torch.ones(1, 3, 4, 5), most=4)
    assert answers == ["step shortened"] * 3 + ["restarted"]
    assert not lbfgs.state()["rows"]


def test_when_no_step_lowers_the_loss_it_has_converged():
    lbfgs = begun()
    assert not lbfgs.converged
    answers = worn_out(lbfgs, 1e9, torch.ones(1, 3, 4, 5))
    assert answers == ["step shortened"] * 3 + ["restarted"] + ["step shortened"] * 9
    assert lbfgs.converged
    again = LBFGS(picture())
    again.restore(lbfgs.state())
    assert again.converged


@pytest.mark.parametrize("loss", [math.inf, math.nan])
def test_when_no_step_has_a_finite_loss_it_has_diverged(loss):
    lbfgs = begun()
    with pytest.raises(DivergedError, match="no step has a finite loss"):
        worn_out(lbfgs, loss, torch.full((1, 3, 4, 5), math.nan))


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_first_picture_without_a_loss_is_diverged(loss):
    with pytest.raises(DivergedError, match="first picture"):
        LBFGS(picture()).tell(loss, torch.zeros(1, 3, 4, 5))


def test_at_the_minimum_it_stays():
    x = picture()
    lbfgs = LBFGS(x)
    minimise(lbfgs, Quadratic(x.clone()), 20)
    assert torch.equal(lbfgs.image, x)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_a_minimum_that_rounding_hides_is_no_error(offset):
    """Whoever asks for more steps than are needed gets the picture."""
    target = picture(8, 8, seed=1)
    stiffness = torch.logspace(0, 3, target.numel()).view(target.shape)
    problem = Quadratic(target, stiffness)
    lbfgs, best = LBFGS(picture(8, 8)), math.inf
    for _ in range(600):
        if lbfgs.converged:
            break
        loss, gradient = problem(lbfgs.image)
        best = min(best, loss)
        lbfgs.tell(float(torch.tensor(loss + offset)), gradient)  # rounded as a sum of terms is
    assert best < 1e-3
    assert lbfgs.converged or offset == 0


def run(lbfgs, function, steps):
    images, setbacks = [], []
    for _ in range(steps):
        images.append(lbfgs.image.clone())
        setbacks.append(lbfgs.tell(*function(lbfgs.image)))
    return images, setbacks


@pytest.mark.parametrize("history", [3, 50])
@pytest.mark.parametrize("power", [0.0, 0.4])
def test_restored_anywhere_it_goes_on_bit_for_bit(history, power):
    steps = 60

    def make(image):
        P = by_frequency(4, 5, power, torch.device("cpu"))
        return LBFGS(image, history=history, precondition=P, first_step=0.5)

    start = 0.3 + picture()
    lbfgs, states = make(start), []
    images, setbacks = [], []
    for _ in range(steps):
        states.append(copied(lbfgs.state()))
        more, answers = run(lbfgs, rosenbrock, 1)
        images, setbacks = images + more, setbacks + answers
    assert any(setbacks)  # states right after a setback, with a ring gone round, too
    for k, state in enumerate(states):
        other = make(torch.zeros_like(start))
        other.restore(state)
        # Far enough to use all that was remembered, everywhere; to the end from some.
        ahead = steps - k if k % 10 == 0 else min(6, steps - k)
        again, answers = run(other, rosenbrock, ahead)
        assert answers == setbacks[k : k + ahead]
        for got, expected in zip(again, images[k:], strict=False):
            assert torch.equal(got, expected), k


def test_restored_before_a_pair_that_is_not_remembered():
    """Along negative curvature the scale of the last good pair is used again."""
    lbfgs = begun()
    other = LBFGS(picture())
    other.restore(copied(lbfgs.state()))
    backwards = -lbfgs.state()["direction"].view(1, 3, 4, 5)
    gradient = lbfgs.state()["base_gradient"].view(1, 3, 4, 5) + backwards
    rows = list(lbfgs.state()["rows"])
    for one in (lbfgs, other):
        one.tell(-1e9, gradient)
        assert one.state()["rows"] == rows
    assert torch.equal(other.image, lbfgs.image)


@pytest.mark.parametrize("compact", [False, True])
def test_started_warm_it_goes_on_as_with_its_last_pairs(compact):
    """In half precision: ten pairs, of which the oldest are forgotten by both."""
    stiffness = torch.logspace(0, 3, 60).view(1, 3, 4, 5)
    problem, P = Quadratic(picture(seed=1), stiffness), by_frequency(4, 5, 0.4, torch.device("cpu"))
    whole = LBFGS(picture(), history=10, precondition=P)
    for _ in range(25):
        run(whole, problem, 1)
        base = whole.state()["base"].view(1, 3, 4, 5)
        other = LBFGS(base, history=10, precondition=P, compact=compact)
        state = copied(whole.warm_state())
        other.warm_start(state)
        other.tell(*problem(base))
        moved, expected = (one.state()["direction"] for one in (other, whole))
        tolerance = 0.05 if compact else 0.01
        assert float((moved - expected).norm()) < tolerance * float(expected.norm())
    assert {name: value.dtype for name, value in state.items() if len(name) == 1} == {
        "S": torch.float16,
        "Y": torch.float16,
    }
    assert len(state["S"]) == 10


def test_a_warm_start_takes_no_more_pairs_than_it_has_room_for():
    warm = begun()
    run(warm, Quadratic(picture(seed=1), torch.logspace(0, 2, 60).view(1, 3, 4, 5)), 8)
    few = LBFGS(picture(), history=2)
    few.warm_start(warm.warm_state())
    assert len(few.state()["rows"]) == 2
    LBFGS(picture()).warm_start(LBFGS(picture()).warm_state())  # of none


def test_a_state_of_another_size_is_refused():
    with pytest.raises(ValueError, match="60 values"):
        LBFGS(picture(8, 8)).restore(LBFGS(picture()).state())
    with pytest.raises(ValueError, match="another picture"):
        LBFGS(picture(8, 8)).warm_start(LBFGS(picture()).warm_state())


def test_the_picture_it_was_given_is_left_alone():
    x = picture()
    before = x.clone()
    run(LBFGS(x), Quadratic(picture(seed=1)), 5)
    assert torch.equal(x, before)


def test_a_picture_told_is_never_changed_afterwards():
    lbfgs = LBFGS(0.3 + picture(), history=3)
    kept = []
    for _ in range(20):
        kept.append((lbfgs.image, lbfgs.image.clone()))
        lbfgs.tell(*rosenbrock(lbfgs.image))
    assert all(torch.equal(image, copy) for image, copy in kept)


def test_a_compact_history_still_minimises():
    target = picture(6, 7, seed=3)
    stiffness = torch.logspace(0, 3, target.numel()).view(target.shape)
    losses, _ = minimise(
        LBFGS(picture(6, 7), history=20, compact=True), Quadratic(target, stiffness), 150
    )
    assert min(losses) < 1e-4 * losses[0]


def test_closing_keeps_the_picture_and_little_else():
    lbfgs = LBFGS(picture(), history=20)
    minimise(lbfgs, Quadratic(picture(seed=1)), 5)
    kept = lbfgs.state()["base"].view(1, 3, 4, 5).clone()
    lbfgs.close()
    assert torch.equal(lbfgs.image, kept)
    state = lbfgs.state()
    assert state["S"].numel() == state["Y"].numel() == 0
    fresh = LBFGS(picture(), history=20)
    fresh.restore(state)
    assert torch.equal(fresh.image, kept)


class Looks(TorchDispatchMode):
    """Counts how often a number of a tensor is asked for: on a GPU each makes the program wait."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def unwaiting(*arguments, **options):
    """An optimiser that goes on as it does on a GPU."""
    lbfgs = LBFGS(*arguments, **options)
    lbfgs._waits = False
    return lbfgs


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
def test_a_gpu_is_not_waited_for_and_comes_to_the_same(compact, bounded):
    target = picture(6, 7, seed=1)
    stiffness = torch.logspace(0, 2, target.numel()).view(target.shape)
    problem = Quadratic(target, stiffness)
    options = {"history": 9, "compact": compact, "bounded": bounded}
    one, other = LBFGS(picture(6, 7), **options), unwaiting(picture(6, 7), **options)
    for _ in range(40):
        with Looks() as looks:
            told = problem(other.image)
            before = looks.count
            answer = other.tell(*told)
            assert looks.count == before
        assert one.tell(*problem(one.image)) == answer
        assert torch.equal(one.image, other.image)


def test_on_a_gpu_a_pair_without_curvature_counts_for_nothing():
    """Nobody knows of it when it is kept, so it is kept as nothing: the direction is as without."""
    one, other = (make(picture(), history=9) for make in (LBFGS, unwaiting))
    problem = Quadratic(picture(seed=1), torch.logspace(0, 1, 60).view(1, 3, 4, 5))
    for lbfgs in (one, other):
        minimise(lbfgs, problem, 4)
        backwards = lbfgs.state()["base_gradient"] - lbfgs.state()["direction"]
        assert lbfgs.tell(-1e9, backwards.view(1, 3, 4, 5)) is None
    assert torch.equal(one.image, other.image)
    assert len(other.state()["rows"]) == len(one.state()["rows"]) + 1
    for step in range(5):
        for lbfgs in (one, other):
            loss, gradient = problem(lbfgs.image)
            assert lbfgs.tell(loss - 2e9 - 1e6 * step, gradient) is None
        torch.testing.assert_close(one.image, other.image, rtol=1e-4, atol=1e-5)


def test_on_a_gpu_a_direction_that_leads_up_is_known_a_step_later():
    lbfgs = unwaiting(picture())
    problem = Quadratic(picture(seed=1))
    minimise(lbfgs, problem, 3)
    lbfgs._direction = lbfgs.state()["base_gradient"].clone()
    lbfgs._slope = lbfgs._slope.abs()
    lbfgs._move()
    assert lbfgs.tell(*problem(lbfgs.image)) == "restarted"
    assert not lbfgs.state()["rows"]
    losses, _ = minimise(lbfgs, problem, 30)
    assert losses[-1] < 1e-8
