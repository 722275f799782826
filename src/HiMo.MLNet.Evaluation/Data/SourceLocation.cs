namespace HiMo.MLNet.Data;

/// <summary>A place in a data set: a file, and in it a line or an element, counted from 1.</summary>
internal readonly record struct SourceLocation(string File, string Unit = "", long Number = 0)
{
    public static SourceLocation Line(string file, long number) => new(file, "line", number);

    public static SourceLocation Element(string file, long number) => new(file, "element", number);

    public InvalidDataException Error(string message, Exception? cause = null) => new($"{this}: {message}", cause);

    public override string ToString() => Unit.Length == 0 ? File : $"{File}, {Unit} {Number}";
}
