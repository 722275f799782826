using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Tests.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Objectives;

public class HiDeTests
{
    // Four points about (1, 1): (±2, 0) and (0, ±1) away from it, so σ² = 8 and 2, in rows of d numbers.
    private static Tensor Cross(int dimensions)
    {
        Tensor plane = tensor(new double[,] { { 3, 1 }, { -1, 1 }, { 1, 2 }, { 1, 0 } });
        return cat([plane, zeros(4, dimensions - 2, dtype: ScalarType.Float64)], 1);
    }

    [Theory]
    [InlineData(2)]   // more texts than dimensions
    [InlineData(4)]
    [InlineData(9)]   // fewer
    public void Keeps_the_leading_direction_alone_when_it_explains_enough(int dimensions)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor? components, int count) = HiDe.Decompose(Cross(dimensions), 0.75);
        Assert.Equal(1, count);
        Tensor expected = Cross(dimensions);
        expected[2, 1] = 1;   // what lay across the leading direction is gone, the mean is back
        expected[3, 1] = 1;
        Closeness.Within(1e-12, expected, components, "components");
    }

    [Theory]
    [InlineData(2, 0.85)]
    [InlineData(9, 0.85)]
    [InlineData(2, 1.0)]
    [InlineData(9, 1.0)]
    public void Gives_the_texts_back_when_all_variance_is_kept(int dimensions, double varianceRatio)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor? components, int count) = HiDe.Decompose(Cross(dimensions), varianceRatio);
        Assert.Equal(2, count);
        Closeness.Within(1e-12, Cross(dimensions), components, "components");
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.9)]
    [InlineData(1.0)]
    public void Points_on_a_line_have_one_component(double varianceRatio)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor line = tensor(new double[,] { { 1, 5 }, { 2, 7 }, { 3, 9 }, { 7, 17 } });
        (Tensor? components, int count) = HiDe.Decompose(line, varianceRatio);
        Assert.Equal(1, count);
        Closeness.Within(1e-12, line, components, "components");
    }

    [Theory]
    [InlineData(5, 3)]
    [InlineData(3, 5)]
    [InlineData(1, 4)]
    public void Equal_texts_give_their_mean_and_a_finite_gradient(int rows, int dimensions)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor texts = Arithmetic.Range(dimensions, CPU).to(ScalarType.Float32).Plus(1).Times(1 / 7.0).expand(rows, -1).contiguous().requires_grad_();
        (Tensor? components, int count) = HiDe.Decompose(texts, 0.9);
        Assert.Equal(1, count);
        Closeness.Within(1e-6, texts, components, "components");
        components.Squared().sum().backward();
        Assert.True(texts.grad!.isfinite().all().item<bool>());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(6)]
    public void Equal_singular_values_across_the_cut_give_a_finite_gradient(int dimensions)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor square = cat([tensor(new double[,] { { 1, 0 }, { -1, 0 }, { 0, 1 }, { 0, -1 } }), zeros(4, dimensions - 2, dtype: ScalarType.Float64)], 1).requires_grad_();
        (Tensor? components, int count) = HiDe.Decompose(square, 0.4);
        Assert.Equal(1, count);
        (components * Weights(4, dimensions)).sum().backward();
        Assert.True(square.grad!.isfinite().all().item<bool>());
    }

    // 3 axes with σ² = 8, 8, 2: a pair of equal ones kept, or one kept and a pair of equal ones dropped.
    [Theory]
    [InlineData(2, 2, 1, 0.85, 2)]
    [InlineData(2, 1, 1, 0.6, 1)]
    public void Equal_singular_values_on_one_side_of_the_cut_leave_the_gradient_exact(double a, double b, double c, double varianceRatio, int kept)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor axes = diag(tensor(new[] { a, b, c }));
        Tensor texts = cat([axes, -axes], 0);
        Assert.Equal(kept, HiDe.Decompose(texts, varianceRatio).Count);
        CheckGradient(texts, varianceRatio);
    }

    [Theory]
    [InlineData(5, 8, 0.6)]
    [InlineData(5, 8, 0.9)]
    [InlineData(9, 4, 0.6)]
    [InlineData(9, 4, 0.9)]
    [InlineData(6, 6, 0.8)]
    [InlineData(9, 4, 1.0)]
    public void The_gradient_is_that_of_finite_differences(int rows, int dimensions, double varianceRatio)
    {
        using DisposeScope scope = NewDisposeScope();
        CheckGradient(Weights(rows, dimensions, 2.3).sin(), varianceRatio);
    }

    // As of a text tower narrower than its embedding: there an SVD's own gradient is not finite in float32.
    [Theory]
    [InlineData(4, 6)]
    [InlineData(9, 6)]
    public void Texts_that_span_less_than_their_space_leave_the_gradient_exact(int rows, int dimensions)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor texts = Weights(rows, 3, 2.3).matmul(Weights(3, dimensions, 0.9));
        CheckGradient(texts, 0.8);

        Closeness.Within(1e-5, Gradient(texts, 0.8), Gradient(texts.to(ScalarType.Float32), 0.8), "gradient in float32");
    }

    private static Tensor Gradient(Tensor texts, double varianceRatio)
    {
        Tensor leaf = texts.clone().requires_grad_();
        (HiDe.Decompose(leaf, varianceRatio).Components * Weights(texts.shape[0], texts.shape[1])).sum().backward();
        return leaf.grad!;
    }

    private static void CheckGradient(Tensor texts, double varianceRatio)
    {
        const double step = 1e-5;
        (long rows, long dimensions) = (texts.shape[0], texts.shape[1]);
        Tensor weights = Weights(rows, dimensions);
        double Value(Tensor at) => (HiDe.Decompose(at, varianceRatio).Components * weights).sum().item<double>();

        Tensor differences = zeros_like(texts);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < dimensions; j++)
            {
                Tensor up = texts.clone(), down = texts.clone();
                up[i, j] = up[i, j].Plus(step);
                down[i, j] = down[i, j].Plus(-step);
                differences[i, j] = (Value(up) - Value(down)) / (2 * step);
            }
        }

        Closeness.Within(1e-7, differences, Gradient(texts, varianceRatio), "gradient");
    }

    // Fixed numbers between -1 and 1 without a pattern that HiDe could meet.
    private static Tensor Weights(long rows, long dimensions, double pace = 1.7) =>
        Arithmetic.Range(rows * dimensions, CPU).to(ScalarType.Float64).Plus(1).Times(pace).Squared().sin().view(rows, dimensions);

    [Fact]
    public void Keeps_the_type_of_the_texts_and_leaves_no_tensors_behind()
    {
        using Tensor texts = Weights(6, 4).to(ScalarType.Float32);
        using DisposeScope scope = NewDisposeScope();
        Tensor components = HiDe.Decompose(texts, 0.9).Components;
        Assert.Equal(ScalarType.Float32, components.dtype);
        Assert.Equal(1, scope.DisposablesCount);
    }

    [Theory]
    [InlineData(new[] { 4.0, 3, 2, 1 }, 0.1, 1)]
    [InlineData(new[] { 4.0, 3, 2, 1 }, 0.4, 1)]
    [InlineData(new[] { 4.0, 3, 2, 1 }, 0.41, 2)]
    [InlineData(new[] { 4.0, 3, 2, 1 }, 0.9, 3)]
    [InlineData(new[] { 4.0, 3, 2, 1 }, 0.91, 4)]
    [InlineData(new[] { 4.0, 3, 2, 1 }, 1.0, 4)]
    [InlineData(new[] { 5.0, 5, 0, 0 }, 1.0, 2)]        // no more than the rank
    [InlineData(new[] { 5.0 }, 0.9, 1)]
    [InlineData(new[] { 0.0, 0, 0 }, 0.9, 1)]           // no variance at all
    [InlineData(new[] { 6e-10, 4e-10 }, 0.05, 1)]       // shares are of 1e-8 at least: 6 % and 4 % here
    [InlineData(new[] { 6e-10, 4e-10 }, 0.07, 2)]
    public void The_least_count_that_reaches_the_share_is_kept(double[] variance, double ratio, int count) =>
        Assert.Equal(count, HiDe.ComponentCount(variance, ratio));

    [Fact]
    public void Embeddings_of_another_shape_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (Tensor? texts in new[] { zeros(4), zeros(0, 4), zeros(4, 0), zeros(2, 3, 4) })
        {
            ArgumentException error = Assert.Throws<ArgumentException>("x", () => HiDe.Decompose(texts, 0.9));
            Assert.Contains($"({string.Join(", ", texts.shape)})", error.Message);
        }
    }
}
