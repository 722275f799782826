using System.Text.Json;
using HiMo.MLNet.Modeling;
using TorchSharp;

namespace HiMo.MLNet.Onnx;

/// <summary>Writes a model's two graphs in the layout of Hugging Face's exports.</summary>
internal static class OnnxExport
{
    /// <summary>The files of a precision inside the folder: <c>onnx/vision_model.onnx</c>, and with <c>_fp16</c> or <c>_int8</c> behind the
    /// name.</summary>
    public static string VisionFile(OnnxPrecision precision) => FileName("vision_model", precision);

    /// <inheritdoc cref="VisionFile"/>
    public static string TextFile(OnnxPrecision precision) => FileName("text_model", precision);

    private static string FileName(string graph, OnnxPrecision precision) => Path.Combine("onnx", graph + precision switch
    {
        OnnxPrecision.Float16 => "_fp16",
        OnnxPrecision.Int8 => "_int8",
        _ => "",
    } + ".onnx");

    /// <param name="model">The model, on any device.</param>
    /// <param name="folder">Made if need be.</param>
    /// <param name="precision">Of the weights.</param>
    /// <param name="maxInlineBytes">Weights of more bytes go into a file of their own.</param>
    public static void Save(
        ClipModel model, string folder, OnnxPrecision precision, long maxInlineBytes = OnnxGraph.MaxInlineBytes)
    {
        Directory.CreateDirectory(Path.Combine(folder, "onnx"));
        Dictionary<string, torch.Tensor> tensors = ClipWeights.Tensors(model);
        var onnx = new ClipOnnx(model.Architecture, new(name => tensors[name].shape, name => Read(tensors[name])), precision);
        Save(onnx.Vision(), Path.Combine(folder, VisionFile(precision)));
        Save(onnx.Text(), Path.Combine(folder, TextFile(precision)));

        void Save(OnnxGraph graph, string path)
        {
            graph.Metadata(OnnxNetwork.ArchitectureKey, JsonSerializer.Serialize(model.Architecture));
            graph.Metadata(OnnxNetwork.LogitScaleKey, JsonSerializer.Serialize(Read(tensors["logit_scale"])[0]));
            graph.Save(path, maxInlineBytes);
        }
    }

    private static float[] Read(torch.Tensor tensor)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return tensor.detach().to(torch.ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
    }
}
