namespace HiMo.MLNet.Modeling;

/// <summary>The device that an <c>MLContext</c> asks for.</summary>
/// <param name="Gpu"><c>MLContext.GpuDeviceId</c>, null for the CPU.</param>
/// <param name="FallbackToCpu">Whether the CPU stands in for a GPU that is not there.</param>
internal readonly record struct DeviceChoice(int? Gpu, bool FallbackToCpu);
