namespace HiMo.MLNet;

/// <summary>
/// The processes (ranks) of one training: <see cref="TrainingOptions.Communicator"/>. <see cref="MpiCommunicator"/> is MPI's. Every rank
/// calls the same members in the same order; each call waits for all of them. One thread at a time calls.
/// </summary>
public interface ICommunicator
{
    /// <summary>This process, from 0 to <see cref="Size"/> - 1. Rank 0 writes checkpoints and reports progress.</summary>
    int Rank { get; }

    /// <summary>How many processes there are, at least 1.</summary>
    int Size { get; }

    /// <summary>Gives every rank what each of them has.</summary>
    /// <param name="bytes">This rank's, of any length, also 0.</param>
    /// <returns>Those of every rank, in the order of the ranks.</returns>
    byte[][] AllGather(ReadOnlySpan<byte> bytes);

    /// <summary>Replaces the values by their sums over all ranks: the same bits on every rank, and the same when it is repeated with as
    /// many ranks.</summary>
    /// <param name="values">As many on every rank.</param>
    void Sum(Span<float> values);

    /// <summary>Replaces the bytes of every rank by those of rank 0.</summary>
    /// <param name="bytes">As many on every rank.</param>
    void Broadcast(Span<byte> bytes);

    /// <summary>Ends the processes of all ranks with an error, at once: this one fails where the others may wait for it.</summary>
    /// <param name="reason">What to tell the user; the rank is added.</param>
    void Abort(string reason);
}
