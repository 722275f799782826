namespace HiMo.MLNet.Scoring;

/// <summary>How a file was when it was embedded: one of another length or time is embedded again.</summary>
/// <param name="Length">Bytes.</param>
/// <param name="Modified">When it was written, UTC.</param>
internal sealed record FileStamp(long Length, DateTime Modified)
{
    /// <summary>Null if there is no such file, or it may not be asked.</summary>
    public static FileStamp? Of(string path)
    {
        try
        {
            var file = new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);
            return new(file.Length, file.LastWriteTimeUtc);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
