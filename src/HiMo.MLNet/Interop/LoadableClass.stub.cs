// Compiled by itself into a reference assembly named Microsoft.ML.Core (see HiMo.MLNet.csproj), never deployed:
// ML.NET's LoadableClassAttribute is internal, and the compiler must see one to write it into this library's metadata.
namespace Microsoft.ML;

public delegate void SignatureLoadModel(object context);

[System.AttributeUsage(System.AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class LoadableClassAttribute : System.Attribute
{
    public LoadableClassAttribute(
        System.Type instType, System.Type? argType, System.Type sigType, string userName, params string[] loadNames)
    {
    }
}
