"""Contract tests: pytest classes that try whether a service or a source of yours keeps what its Protocol guarantees.

Subclass one and give it the fixture ``world``. They run on pytest-asyncio, in either mode, or, marked with
``pytest.mark.anyio``, on the plugin of anyio.
"""

from hfsvc.testing.contracts.dataset_service import DatasetServiceContract, DatasetWorld
from hfsvc.testing.contracts.trajectory_source import TrajectorySourceContract
from hfsvc.testing.contracts.trajectory_world import TrajectoryWorld

__all__ = ["DatasetServiceContract", "DatasetWorld", "TrajectorySourceContract", "TrajectoryWorld"]
