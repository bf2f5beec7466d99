//! What can be wrong with the durable driver, one defect at a time.

/// The one defect of an exhibit. Each is what somebody has shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The driver keeps every clause.
    None,

    /// The new state is renamed into place without a sync.
    NoFileSync,
    /// The rename is never made durable.
    NoDirSync,
    /// Names are made durable when they are made, and never again: not by the process that finds
    /// them after a crash.
    TrustsNames,
    /// The answer leaves after the write; the sync comes with the next persist.
    SyncsLater,
    /// The answer leaves from memory; the file follows at shutdown.
    AcksFromMemory,
    /// A load shows what is not durable yet.
    LoadsBeforeSync,
    /// The state is overwritten where it stands when its next epoch is opened.
    OpensInPlace,
    /// The epoch is counted in memory.
    ForgetsEpoch,
    /// A crash between the first two files leaves a store that is refused.
    FirstOpenNotAtomic,

    /// A damaged state is taken for a new store.
    DamageIsZero,
    /// A damaged state is replaced by the copy before it.
    DamageIsOlder,
    /// A damaged state is replaced by the copy before it, as the backend declares: no flaw.
    DamageIsDeclared,
    /// A damaged state is taken for a new store, and the backend declares it as unnoticed.
    DamageIsZeroThoughDeclared,
    /// A damaged state makes the driver panic.
    DamagePanics,
    /// Whatever is wrong with a file is called transient.
    DamageIsTransient,
    /// The refusal of a damaged state does not say which file.
    DamageIsNotNamed,
    /// A missing state is taken for a new store, although the identity is there.
    MissingStateIsNew,
    /// Nothing is summed up, so a changed digit is a value.
    NoChecksum,

    /// A write that fails is taken for one that worked.
    IgnoresFailedWrite,
    /// A full disk is waited out, and the write is not repeated.
    IgnoresFullDisk,
    /// A failed sync is tried again, and the second one says yes.
    RepeatsFailedSync,
    /// After a failure the next persist is tried as if nothing had been.
    ForgetsFailure,
    /// A failed disk is called transient.
    FailureIsTransient,
    /// A failed disk makes the writer panic.
    FailurePanics,
    /// The node shows leadership on a disk that has failed.
    LeadsAfterFailure,
    /// A first open that cannot write the identity does without.
    IgnoresFailedIdentity,

    /// A load waits for the writer.
    LoadWaits,
    /// A persist waits for the writer as long as it takes.
    PersistWaits,
    /// A persist waits for a place in the queue as long as it takes.
    QueueWaits,
    /// A slow disk is taken for a dead one.
    SlowIsDead,
    /// A shutdown waits for the writer as long as it takes.
    ShutdownWaits,
    /// A shutdown that left a writer behind says that all is well.
    ShutdownHidesStall,

    /// The lock keeps out the drivers of its own process, and nobody else.
    LockIsProcessLocal,
    /// The lock is a file that only a shutdown removes.
    LockOutlivesProcess,
    /// The lock goes while the writer still hangs.
    UnlocksTooEarly,
    /// The lock stays once a shutdown was too slow.
    StallKeepsLock,
}

impl Flaw {
    pub(super) fn reads_damage_as_zero(self) -> bool {
        matches!(self, Self::DamageIsZero | Self::DamageIsZeroThoughDeclared)
    }

    pub(super) fn keeps_a_copy(self) -> bool {
        matches!(self, Self::DamageIsOlder | Self::DamageIsDeclared)
    }

    pub(super) fn is_declared(self) -> bool {
        matches!(
            self,
            Self::DamageIsDeclared | Self::DamageIsZeroThoughDeclared
        )
    }
}
