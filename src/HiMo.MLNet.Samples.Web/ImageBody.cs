using Microsoft.Net.Http.Headers;

namespace HiMo.MLNet.Samples.Web;

/// <summary>The image in a request, in memory: as the body, or as the first file of a form.</summary>
internal static class ImageBody
{
    /// <exception cref="BadHttpRequestException">There is no image, or the body is too large, too slow or malformed; with the status to
    /// answer.</exception>
    public static async Task<byte[]> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (!IsForm(request))
        {
            return await ReadAsync(request.Body, cancellation);
        }

        try
        {
            if ((await request.ReadFormAsync(cancellation)).Files is not [IFormFile file, ..])
            {
                throw new BadHttpRequestException("Expected a form with an image, found no file in it.");
            }

            await using Stream image = file.OpenReadStream();
            return await ReadAsync(image, cancellation);
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
