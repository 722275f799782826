using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace HiMo.MLNet.Samples.Web;

/// <summary>The image in a request, in memory: as the body, or as the first file of a form.</summary>
/// <param name="Image">The bytes of an image file.</param>
/// <param name="Labels">Of the form or, where it has none, of the query.</param>
/// <param name="Template">Likewise.</param>
internal sealed record ImageBody(byte[] Image, string? Labels, string? Template)
{
    /// <exception cref="BadHttpRequestException">There is no image, or the body is too large, too slow or malformed; with the status to
    /// answer.</exception>
    public static async Task<ImageBody> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (!IsForm(request))
        {
            return new(await ReadAsync(request.Body, cancellation), request.Query["labels"], request.Query["template"]);
        }

        try
        {
            IFormCollection form = await request.ReadFormAsync(cancellation);
            if (form.Files is not [IFormFile file, ..])
            {
                throw new BadHttpRequestException("Expected a form with an image, found no file in it.");
            }

            await using Stream image = file.OpenReadStream();
            return new(await ReadAsync(image, cancellation), Field("labels"), Field("template"));

            string? Field(string name) => form.TryGetValue(name, out StringValues value) ? value : request.Query[name];
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not BadHttpRequestException
            && !cancellation.IsCancellationRequested)
        {
            throw new BadHttpRequestException("Expected a form with an image, found a malformed one: " + e.Message, e);
        }
    }

    private static bool IsForm(HttpRequest request)
    {
        if (string.IsNullOrEmpty(request.ContentType))
        {
            return false;
        }

        if (MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type))
        {
            if (type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }

            // The second is what curl --data-binary declares of whatever it sends.
            if (type.Type.Equals("image", StringComparison.OrdinalIgnoreCase)
                || type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)
                || type.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        throw new BadHttpRequestException(
            "Expected an image (image/*, application/octet-stream) or a form with one (multipart/form-data).",
            StatusCodes.Status415UnsupportedMediaType);
    }

    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes, cancellation);
        return bytes.ToArray();
    }
}
