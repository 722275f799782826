using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace HiMo.MLNet.Samples.Web;

/// <summary>What the OpenAPI document says beyond what the endpoints' own types do.</summary>
internal static class ApiDocument
{
    /// <summary>The form, or the bare image, that is uploaded to be classified.</summary>
    public static Task DescribeUpload(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        OpenApiSchema image = new() { Type = JsonSchemaType.String, Format = "binary", Description = "An image file." };
        OpenApiSchema labels = new() { Type = JsonSchemaType.String, Description = "One a line, or with commas between." };
        OpenApiSchema template = new()
        {
            Type = JsonSchemaType.String,
            Description = "A text with {0} in the place of the label, such as: a photo of a {0}.",
        };
        OpenApiSchema form = new()
        {
            Type = JsonSchemaType.Object,
            Properties = new Dictionary<string, IOpenApiSchema> { ["image"] = image, ["labels"] = labels, ["template"] = template },
            Required = new HashSet<string> { "image" },
        };
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["multipart/form-data"] = new() { Schema = form },
                ["image/*"] = new() { Schema = image },
                ["application/octet-stream"] = new() { Schema = image },
            },
        };
        operation.Parameters =
        [
            new OpenApiParameter { Name = "labels", In = ParameterLocation.Query, Schema = labels },
            new OpenApiParameter { Name = "template", In = ParameterLocation.Query, Schema = template },
        ];
        return Task.CompletedTask;
    }
}
