namespace HiMo.MLNet.Data;

/// <summary>Paths with every link on them followed.</summary>
internal static class RealPath
{
    /// <summary>As many as Linux follows.</summary>
    public const int MostLinks = 40;

    private static readonly char[] s_separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];

    /// <summary>Walks as the system does: <c>..</c> in a link's target goes up from the folder that was really reached.</summary>
    /// <returns>Null where more links lead on from each other.</returns>
    public static string? Of(string fullPath)
    {
        string real = "";
        Stack<string> rest = [];
        GoTo(fullPath);
        for (int links = 0; rest.TryPop(out string? name);)
        {
            string place = Path.Combine(real, name);
            if (name == "..")
            {
                real = Path.GetDirectoryName(real) ?? real;
            }
            else if (new FileInfo(place).LinkTarget is not { } target)
            {
                real = place;
            }
            else if (++links > MostLinks)
            {
                return null;
            }
            else
            {
                GoTo(target);
            }
        }

        return real;

        void GoTo(string target)
        {
            string start = Path.GetPathRoot(target)!;
            real = start.Length > 0 ? start : real;
            foreach (string name in target[start.Length..].Split(s_separators).Reverse().Where(name => name is not ("" or ".")))
            {
                rest.Push(name);
            }
        }
    }
}
