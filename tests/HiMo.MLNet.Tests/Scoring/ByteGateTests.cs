using HiMo.MLNet.Embedding;

namespace HiMo.MLNet.Tests.Scoring;

public sealed class ByteGateTests
{
    [Fact]
    public void Work_waits_until_there_is_room()
    {
        var gate = new ByteGate(100);
        gate.Enter(60);
        gate.Enter(40);
        using var entered = new ManualResetEventSlim();
        var third = new Thread(() =>
        {
            gate.Enter(50);
            entered.Set();
        });
        third.Start();
        gate.Leave(40);                                                       // 60 + 50 are still too many
        Assert.False(entered.IsSet);
        Assert.Equal(60, gate.Used);

        gate.Leave(60);
        third.Join();
        Assert.Equal((50, 100), (gate.Used, gate.Peak));
    }

    [Fact]
    public void What_is_larger_than_the_gate_goes_through_alone()
    {
        var gate = new ByteGate(100);

        Parallel.For(0, 40, i =>
        {
            int bytes = i % 4 == 0 ? 150 : 30;
            gate.Enter(bytes);
            Assert.InRange(gate.Used, bytes, 150);
            gate.Leave(bytes);
        });

        Assert.Equal((0, 150), (gate.Used, gate.Peak));
    }
}
