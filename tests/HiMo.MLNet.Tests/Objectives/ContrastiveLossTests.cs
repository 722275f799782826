using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Tests.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Objectives;

public class ContrastiveLossTests
{
    // As a batch numbers its captions.
    private static Tensor Numbers(Tensor tokens) =>
        new ContrastiveBatch(zeros(tokens.shape[0], 3, 1, 1), [tokens], arange(tokens.shape[0])).Captions[0];

    [Fact]
    public void Equal_captions_share_their_target()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor tokens = tensor(new long[,] { { 7, 1, 9 }, { 7, 2, 9 }, { 7, 1, 9 }, { 7, 9, 0 } });
        Tensor expected = tensor(new[,]
        {
            { 0.475, 0.025, 0.475, 0.025 },   // 0.9 shared by two, 0.1 / 4 everywhere
            { 0.025, 0.925, 0.025, 0.025 },
            { 0.475, 0.025, 0.475, 0.025 },
            { 0.025, 0.025, 0.025, 0.925 },
        });
        Closeness.Within(1e-6, expected, ContrastiveLoss.Targets(Numbers(tokens), Arithmetic.Range(4, CPU), 0.1), "targets");
    }

    [Fact]
    public void A_batch_numbers_its_captions_so_that_targets_need_no_comparison_of_tokens()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor numbers = Numbers(tensor(new long[,] { { 7, 1, 9 }, { 7, 2, 9 }, { 7, 1, 9 }, { 7, 9, 0 }, { 7, 2, 9 } }));
        Assert.Equal([0L, 1, 0, 3, 1], numbers.data<long>().ToArray());
    }

    [Fact]
    public void Different_captions_are_told_to_meet_their_own_image_only()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor tokens = tensor(new long[,] { { 1, 9 }, { 2, 9 }, { 3, 9 } });
        Closeness.Within(0, eye(3), ContrastiveLoss.Targets(Numbers(tokens), Arithmetic.Range(3, CPU), 0), "targets");
    }

    [Fact]
    public void An_image_that_a_batch_holds_twice_shares_its_target_too()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor tokens = tensor(new long[,] { { 1, 9 }, { 2, 9 }, { 3, 9 } });
        Tensor expected = tensor(new[,] { { 0.5, 0, 0.5 }, { 0, 1, 0 }, { 0.5, 0, 0.5 } });
        Closeness.Within(0, expected, ContrastiveLoss.Targets(Numbers(tokens), tensor(new long[] { 0, 1, 0 }), 0), "targets");
    }
}
