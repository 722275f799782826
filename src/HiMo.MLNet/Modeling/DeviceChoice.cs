namespace HiMo.MLNet.Modeling;

/// <summary>The device that an <c>MLContext</c>, or a name, asks for.</summary>
/// <param name="Gpu"><c>MLContext.GpuDeviceId</c>, null for the CPU.</param>
/// <param name="FallbackToCpu">Whether the CPU stands in for a GPU that is not there.</param>
/// <param name="Name">The name that asked for it; null for the context.</param>
internal readonly record struct DeviceChoice(int? Gpu, bool FallbackToCpu, string? Name = null);
