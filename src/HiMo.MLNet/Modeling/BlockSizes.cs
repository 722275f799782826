namespace HiMo.MLNet.Modeling;

/// <summary>What a transformer's block is made from.</summary>
/// <param name="Width">C, a multiple of <paramref name="HeadWidth"/>.</param>
/// <param name="HeadWidth">The width of an attention head.</param>
/// <param name="MlpWidth">The width inside of the block's MLP.</param>
/// <param name="Activation">What the MLP computes there.</param>
internal sealed record BlockSizes(int Width, int HeadWidth, int MlpWidth, ClipActivation Activation);
