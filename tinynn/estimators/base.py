"""The base class of Classifier and Regressor: training on tables, and prediction."""

from __future__ import annotations

import sys
from copy import copy
from functools import partial
from math import inf
from typing import Any, Callable, Iterable, Sequence, TypeVar

from ..checks.rows import same_length
from ..checks.words import counted
from ..data import train_test_split
from ..errors import DataError, SettingError, ShapeError
from ..files.atomic import Path
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.loss import Loss
from ..lesson.matrix import Matrix, Vector
from ..preprocessing import TableEncoder
from ..preprocessing.cells import Table, as_table
from ..training.progress import Progress
from ..training.trainer import Trainer
from .arrays import as_array, isinstance_array
from .convergence import Convergence, warn
from .design import NetworkDesign
from .fitted import Fitted
from .parameters import raise_not_fitted, seed_of
from .prepared import Prepared
from .refusing import unless_refused
from .resuming import run_file, seed_in
from .saving import save
from .streams import Chunks, batches_of, checked_chunks
from .targets import Targets, target_list, weight_list

E = TypeVar("E", bound="Estimator")


class Estimator(Fitted):
    """A network with its preprocessing of tables; see Classifier and Regressor."""

    # --- what subclasses define -----------------------------------------------------------------

    def _new_targets(self) -> Targets:
        raise NotImplementedError

    def _head(self, targets: Targets) -> tuple[Layer | None, Loss, float]:
        """Return the last layer, the loss, and the ratio of the loss to scikit-learn's."""
        raise NotImplementedError

    def _weights(self, targets: Targets, items: Sequence[Any], given: object) -> Vector | None:
        """Return the weight of each row, or None if all weigh the same."""
        return weight_list(given)

    def _score_rows(self, T: Matrix, Y: Matrix, weights: Vector | None) -> float:
        """Return the score of a network's outputs on rows of targets."""
        raise NotImplementedError

    def _stratified(self, targets: Targets) -> bool:
        return False

    def _after_targets(self) -> None:
        """Set the attributes that follow from the targets."""

    # --- training -------------------------------------------------------------------------------

    def fit(self: E, X: Any, y: Any, sample_weight: object = None, resume: Path | None = None) -> E:
        """Train on a table X and its targets y, with optional sample weights.

        With `resume`, a file, the process may be killed at any moment: the same call goes on after
        the last epoch in the file, as in `tinynn.fit`. The file is a model that `load` takes.

        Raises DataError, ShapeError or SettingError for anything that cannot be used, and then
        changes nothing; raises DivergenceError if training diverges.
        """
        seed = seed_in(resume) if self.random_state is None else None
        return self.fit_prepared(self.prepare(X, y, sample_weight, seed), resume)

    def prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: object = None,
        seed: int | None = None,
        in_order: bool = False,
    ) -> Prepared:
        """Return a table X and its targets y ready for training.

        Several estimators of one kind, with the same `encoder` and `validation_fraction`, can
        share what one of them has prepared. A `seed` replaces that of `random_state`. `in_order`,
        the rows for early stopping are the last. Raises what `fit` raises for data.
        """
        plan = NetworkDesign(self)
        table = self._table(X)
        items = self._items(y, table)
        again = plan.warm_start and self.__sklearn_is_fitted__()
        if seed is None or again:
            seed = self._seed if again else seed_of(plan.who, self.random_state)
        targets = self._targets if again else self._new_targets()
        if not again:
            targets.learn(items)
            targets.check()
        weights = self._weights(targets, items, sample_weight)
        if weights is not None:
            pair: dict[str, Sequence[Any]] = {"inputs": table.rows, "sample weights": weights}
            same_length(**pair)
        kept, apart = self._split(plan, targets, items, seed, in_order)
        if again:
            table, encoder = self._as_in_fit(table), self.encoder_
        else:
            encoder = self._new_encoder(table, constants=len(kept) == 1)
            encoder.fit(_take(table, kept))
        return Prepared(
            encoder, targets, encoder.encode(table).rows, targets.rows(items), weights,
            kept, apart, seed, isinstance_array(X),
        )  # fmt: skip

    def retargeted(self, table: Prepared, y: Any) -> Prepared:
        """Return a prepared table with its targets y as this estimator learns them."""
        items, targets = target_list(type(self).__name__, y), self._new_targets()
        same_length(inputs=table.X, targets=items)
        targets.learn(items)
        targets.check()
        return table._replace(targets=targets, T=targets.rows(items))

    def fit_prepared(self: E, table: Prepared, resume: Path | None = None) -> E:
        """Train on a prepared table; see `fit`."""
        plan = NetworkDesign(self)
        kept, apart = table.kept, table.apart
        if not plan.early_stopping:
            kept, apart = list(range(len(table.X))), []
        data = table.part(kept)
        validation = table.part(apart) if apart else None
        with unless_refused(self):
            if not (plan.warm_start and self.__sklearn_is_fitted__()):
                self._start(plan, table.encoder, table.targets, table.seed, table.arrays)
            self._train(plan, data, len(kept), validation, resume, within=2)
        return self

    def with_network_of(self: E, other: E) -> E:
        """Return this estimator with all that another has learned, but its own history."""
        found = copy(self)
        found.network_, found.encoder_, found._targets = (
            other.network_, other.encoder_, other._targets
        )  # fmt: skip
        found._describe()
        return found

    def _partial_fit(
        self: E, X: Any, y: Any, sample_weight: object, targets: Targets | None = None
    ) -> E:
        """Train for one epoch; the first call makes a network, for `targets` if given."""
        plan = NetworkDesign(self)
        plan.check_by_parts("partial_fit")
        if plan.early_stopping:
            raise SettingError(
                "partial_fit does not support early_stopping=True, since it trains for one epoch; "
                f"{plan.who} needs early_stopping=False for it"
            )
        table = self._table(X)
        items = self._items(y, table)
        with unless_refused(self):
            if not self.__sklearn_is_fitted__():
                if targets is None:
                    targets = self._new_targets()
                    targets.learn(items)
                    targets.check()
                encoder = self._new_encoder(table, constants=True).fit(table)
                seed = seed_of(plan.who, self.random_state)
                self._start(plan, encoder, targets, seed, isinstance_array(X))
            T = self._targets.rows(items)
            weights = self._weights(self._targets, items, sample_weight)
            X_rows = self.encoder_.encode(self._as_in_fit(table)).rows
            convergence = self._convergence(plan, scores=False)
            trainer = self._trainer(plan, len(X_rows), convergence, None)
            try:
                trainer.partial_fit(X_rows, T, weights)
            finally:
                self._finish(trainer, convergence, len(X_rows))
        return self

    def fit_stream(
        self: E,
        chunks: Callable[[], Iterable[Any]],
        validation: tuple[Any, Any] | None = None,
        buffer_rows: int = 10_000,
        resume: Path | None = None,
    ) -> E:
        """Train on a table that does not fit in memory.

        `chunks` is a function that returns a new iterator over the whole table with each call, in
        chunks of (rows, targets) or (rows, targets, sample weights). It is read once for the
        statistics of the columns, then once for each epoch; rows are shuffled within a buffer of
        `buffer_rows`. `validation` is a separate table, (rows, targets), for `early_stopping`;
        `resume` is as in `fit`. Raises the errors of `fit`.
        """
        plan = NetworkDesign(self)
        plan.check_by_parts("fit_stream")
        if plan.early_stopping and validation is None:
            raise SettingError(
                f"{plan.who} needs validation=(rows, targets) for early_stopping with a stream"
            )
        if buffer_rows < 1:
            raise SettingError(f"{plan.who} needs buffer_rows of at least 1, got {buffer_rows!r}")
        seed = seed_in(resume) if self.random_state is None else None
        if seed is None:
            seed = seed_of(plan.who, self.random_state)
        encoder, targets, rows = self._statistics(chunks)
        apart = None
        if validation is not None:
            table = as_table(validation[0], "validation inputs")
            items = target_list(plan.who, validation[1])
            apart = (encoder.encode(table).rows, targets.rows(items), None)

        def encoded(chunk: Any, row: int) -> tuple[Matrix, Matrix, Vector | None]:
            items = target_list(plan.who, chunk[1])
            weights = self._weights(targets, items, chunk[2])
            return encoder.encode(chunk[0], row).rows, targets.rows(items, row), weights

        source = Chunks(chunks, encoded, plan.shuffle, seed, buffer_rows)
        with unless_refused(self):
            self._start(plan, encoder, targets, seed, False)
            batches = partial(batches_of, source, plan.batch(rows))
            self._train(plan, batches, rows, apart, resume)
        return self

    def fit_quietly(self, fit: Callable[[], object]) -> list[str]:
        """As `Adjustable.fit_quietly`; raises KeyboardInterrupt if Ctrl-C ended the training."""
        told = super().fit_quietly(fit)
        if self.history_.stopped_by == "interrupted":
            raise KeyboardInterrupt
        return told

    def learns_classes(self, y: list[Any]) -> bool:
        """Return whether these targets are classes, one per row. Raises DataError for bad ones."""
        targets = self._new_targets()
        targets.learn(y)
        targets.check()
        return self._stratified(targets)

    def _statistics(self, chunks: Callable[[], Iterable[Any]]) -> tuple[TableEncoder, Targets, int]:
        """Return an encoder and targets fitted to a whole stream, and its number of rows."""
        who = type(self).__name__
        encoder: TableEncoder | None = None
        targets, rows = self._new_targets(), 0
        for inputs, y, _ in checked_chunks(who, chunks):
            table = as_table(inputs)
            if encoder is None:
                encoder = self._new_encoder(table, constants=False)
            encoder.partial_fit(table)
            targets.learn(self._items(y, table))
            rows += len(table.rows)
        if encoder is None:
            raise DataError(f"{who} needs a stream with at least one chunk of rows, got none")
        targets.check()
        return encoder, targets, rows

    def _table(self, X: Any) -> Table:
        return as_table(X)

    def _items(self, y: Any, table: Table) -> list[Any]:
        items = target_list(type(self).__name__, y)
        same_length(inputs=table.rows, targets=items)
        return items

    def _new_encoder(self, table: Table, constants: bool) -> TableEncoder:
        """Return an unfitted encoder; with `constants`, one that keeps constant columns."""
        if self.encoder is None:
            encoder = TableEncoder()
        elif isinstance(self.encoder, TableEncoder):
            encoder = self.encoder.fresh()
        else:
            raise SettingError(
                f"{type(self).__name__} needs encoder to be a TableEncoder or None, "
                f"got {self.encoder!r}"
            )
        return encoder.fresh(drop_constant=False) if constants else encoder

    def _split(
        self, plan: NetworkDesign, targets: Targets, items: list[Any], seed: int, in_order: bool
    ) -> tuple[list[int], list[int]]:
        """Return the indices of the rows for training and for early stopping."""
        numbers = list(range(len(items)))
        if not plan.early_stopping:
            return numbers, []
        try:
            kept, apart, _, _ = train_test_split(
                numbers, items, plan.validation_fraction, seed, self._stratified(targets)
            )
        except SettingError:
            raise DataError(
                f"{plan.who} needs rows for both training and early_stopping, got "
                f"{counted(len(items), 'row')} with "
                f"validation_fraction={plan.validation_fraction:g}"
            ) from None
        if in_order:
            return numbers[: len(kept)], numbers[len(kept) :]
        return sorted(kept), sorted(apart)

    def _start(
        self, plan: NetworkDesign, encoder: TableEncoder, targets: Targets, seed: int, arrays: bool
    ) -> None:
        """Make a new network, and clear the results of earlier training."""
        inputs = encoder.width
        last, _, _ = self._head(targets)
        network = plan.network(inputs, targets.outputs, last, seed)
        self.network_, self.encoder_, self._targets = network, encoder, targets
        self._seed, self._arrays = seed, arrays
        self.loss_curve_, self.t_ = [], 0
        self.validation_scores_ = [] if plan.early_stopping else None
        self._describe()

    def _describe(self) -> None:
        """Set the attributes that follow from encoder, network and targets."""
        names = self.encoder_.column_names
        self.n_features_in_ = len(names)
        if names == [f"x{i}" for i in range(len(names))]:
            self.__dict__.pop("feature_names_in_", None)
        else:
            self.feature_names_in_ = self._as_fitted(names)
        self.n_outputs_ = self._targets.outputs
        self.n_layers_ = 1 + len(self.coefs_)
        last = self.network_.layers[-1]
        self.out_activation_ = {"Sigmoid": "logistic", "Softmax": "softmax"}.get(
            type(last).__name__, "identity"
        )
        self._after_targets()

    def _convergence(self, plan: NetworkDesign, scores: bool) -> Convergence:
        watched = ("loss" if plan.watches_loss else "score") if scores else None
        # LBFGS knows for itself when the training loss has reached its minimum.
        patience = inf if plan.whole_table and not watched else plan.patience
        return Convergence(plan.tol, patience, watched, plan.adaptive, plan.whole_table)

    def _trainer(
        self, plan: NetworkDesign, rows: int, convergence: Convergence, scored: Any
    ) -> Trainer:
        """Return a trainer of the network with the current parameters."""
        _, loss, scale = self._head(self._targets)
        batch = plan.batch(rows)
        decay = plan.decay(batch, scale)
        convergence.penalty = decay / 2
        return Trainer(
            self.network_,
            loss=loss,
            optimizer=plan.optimizer(rows, decay, scale),
            batch_size=batch,
            shuffle=plan.shuffle,
            seed=self._seed,
            callbacks=[convergence, *([Progress()] if plan.verbose else []), *self.callbacks],
            metrics={"score": scored} if scored else {},
            clip_norm=self.clip_norm,
            engine=self.engine,
        )

    def _train(
        self,
        plan: NetworkDesign,
        data: Any,
        rows: int,
        validation: Any,
        resume: Path | None,
        within: int = 1,
    ) -> None:
        """Train; a warning is meant for who called the method that is `within` calls up."""
        scored = None
        if validation is not None and plan.early_stopping:

            def scored(T: Matrix, Y: Matrix) -> float:
                return self._score_rows(T, Y, validation[2])

        convergence = self._convergence(plan, scores=scored is not None)
        trainer = self._trainer(plan, rows, convergence, scored)

        def so_far() -> Estimator:
            found = copy(self)
            found._finish(trainer, convergence, rows)
            return found

        settings: dict[str, Any] = {"epochs": plan.max_iter, "validation": validation}
        if resume is not None:
            settings["resume"] = run_file(resume, so_far)
        try:
            if callable(data):
                trainer.fit(lambda: data(trainer.epoch - 1), **settings)
            else:
                X, T, weights = data
                trainer.fit(X, T, sample_weight=weights, **settings)
        finally:
            self._finish(trainer, convergence, rows)
        limit = {"epochs": "max_iter", "max_fun": "max_fun"}.get(trainer.history.stopped_by or "")
        if limit:
            reached = f"{limit}={getattr(plan, limit)}"
            text = convergence.warning(reached, plan.longer(limit))
            if text:
                warn(self, text, within + 3)

    def _finish(self, trainer: Trainer, convergence: Convergence, rows: int) -> None:
        """Keep the results of training on so many rows."""
        self.history_ = history = trainer.history
        if not trainer.whole_table:
            self.t_ += rows * history.epochs
        self.loss_curve_ = [*self.loss_curve_, *convergence.losses]
        if self.validation_scores_ is not None:
            self.validation_scores_ = [*self.validation_scores_, *history.metrics.get("score", [])]
        self._summarize()

    def _summarize(self) -> None:
        """Set the attributes that follow from the losses and scores."""
        self.n_iter_ = self.history_.epochs
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else float("nan")
        self.best_loss_, self.best_validation_score_ = None, None
        if self.validation_scores_ is not None:
            self.best_validation_score_ = max(self.validation_scores_, default=None)
        elif self.loss_curve_:
            self.best_loss_ = min(self.loss_curve_)

    # --- prediction -----------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Matrix:
        """Return the network's outputs for the rows of a table."""
        if not self.__sklearn_is_fitted__():
            raise_not_fitted(self)
        return self.network_.predict(self.encoder_.encode(self._as_in_fit(self._table(X))).rows)

    def _as_in_fit(self, table: Table) -> Table:
        """Return a table with the columns of `fit`, in that order. Raises ShapeError for others."""
        table = self.encoder_.in_order(table)
        if table.width != self.n_features_in_:
            raise ShapeError(
                f"X has {table.width} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input: the columns it was fitted with"
            )
        return table

    def _as_fitted(self, values: list[Any]) -> Any:
        """Return values as an array if the estimator was fitted to one, else as a list."""
        return as_array(values) if self._arrays else values

    @property
    def targets_(self) -> Any:
        """The conversion of y to the network's targets, and of its outputs to predictions."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"this {type(self).__name__} has no targets before fit")
        return self._targets

    @property
    def criterion_(self) -> Loss:
        """The loss that training minimizes."""
        return self._head(self.targets_)[1]

    @property
    def coefs_(self) -> list[Any]:
        """The weights of each layer, inputs × outputs."""
        return [self._as_fitted(layer.W) for layer in self._dense()]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases of each layer."""
        return [self._as_fitted(layer.b) for layer in self._dense()]

    def _dense(self) -> list[Dense]:
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"this {type(self).__name__} has no weights before fit")
        return [layer for layer in self.network_.layers if isinstance(layer, Dense)]

    def save(self, path: Path, training: bool = False) -> None:
        """Save the model as one JSON file, with all floats exact.

        The file has the encoder, network, labels, parameters and history. With `training`, it also
        has the state of the optimizer, so that `partial_fit` and `warm_start` continue as if the
        model had never been saved. The file is written completely or not at all.

        Raises FormatError for a label that JSON cannot express, NotFittedError before `fit`.
        """
        if not self.__sklearn_is_fitted__():
            raise_not_fitted(self)
        save(self, path, training)

    # --- scikit-learn's protocol ----------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return "network_" in self.__dict__

    def _tags(self, estimator_type: str, **tags: Any) -> Any:
        """Return scikit-learn's tags; it is loaded, as only its own code calls this."""
        utils: Any = sys.modules["sklearn.utils"]
        return utils.Tags(
            estimator_type=estimator_type,
            target_tags=utils.TargetTags(required=True, multi_output=True),
            input_tags=utils.InputTags(allow_nan=True, string=True, categorical=True),
            **tags,
        )


def _take(table: Table, numbers: list[int]) -> Table:
    if len(numbers) == len(table.rows):
        return table
    return Table([table.rows[i] for i in numbers], table.names, table.width)
