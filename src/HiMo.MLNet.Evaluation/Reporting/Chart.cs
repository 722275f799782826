namespace HiMo.MLNet.Reporting;

/// <summary>The frame of a line chart: axes with labels, and the way from values to places. Colours come from the page's style.</summary>
internal sealed class Chart(string id, string title, string description, (double Least, double Most) x, (double Least, double Most) y)
{
    private const double Width = 460, Height = 300, Left = 54, Right = Width - 14, Top = 12, Bottom = Height - 46;

    private readonly List<Markup> _parts = [];

    public double X(double value) => Left + ((value - x.Least) / (x.Most - x.Least) * (Right - Left));

    public double Y(double value) => Bottom - ((value - y.Least) / (y.Most - y.Least) * (Bottom - Top));

    public Chart XAxis(string label, IEnumerable<(double Value, string Label)> ticks)
    {
        foreach ((double value, string text) in ticks)
        {
            Straight("grid", X(value), X(value), Top, Bottom);
            Text("scale", "middle", text, $"""x="{X(value)}" y="{Bottom + 16}" """);
        }

        Straight("axis", Left, Right, Bottom, Bottom);
        return Text("label", "middle", label, $"""x="{(Left + Right) / 2}" y="{Height - 8}" """);
    }

    public Chart YAxis(string label, IEnumerable<(double Value, string Label)> ticks)
    {
        foreach ((double value, string text) in ticks)
        {
            Straight("grid", Left, Right, Y(value), Y(value));
            Text("scale", "end", text, $"""x="{Left - 6}" y="{Y(value) + 4}" """);
        }

        return Text("label", "middle", label, $"""transform="translate(13 {(Top + Bottom) / 2}) rotate(-90)" """);
    }

    public Chart Line(string style, IEnumerable<(double X, double Y)> points) =>
        Add($"""<polyline class="{style}" points="{Markup.Each(points, point => $"{X(point.X)},{Y(point.Y)} ")}"/>""");

    /// <summary>Straight pieces, each by itself.</summary>
    public Chart Pieces(string style, IEnumerable<((double X, double Y) From, (double X, double Y) To)> pieces) =>
        Path(style, Markup.Each(pieces, piece => $"M{X(piece.From.X)} {Y(piece.From.Y)}L{X(piece.To.X)} {Y(piece.To.Y)}"));

    public Chart Dot(string style, double x, double y) => Add($"""<circle class="{style}" cx="{X(x)}" cy="{Y(y)}" r="3.5"/>""");

    /// <summary>A cross, told from a dot by its form and not by its colour alone.</summary>
    public Chart Cross(string style, double x, double y) => Path(style, $"M{X(x) - 2.5} {Y(y) - 2.5}l5 5m0 -5l-5 5");

    public Markup ToMarkup() => $"""
        <svg viewBox="0 0 {Width} {Height}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{title}</title>
        <desc id="{id}-d">{description}</desc>{Markup.Each(_parts, part => part)}</svg>
        """;

    private void Straight(string style, double x1, double x2, double y1, double y2) =>
        Add($"""<line class="{style}" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>""");

    private Chart Text(string style, string anchor, string text, Markup place) =>
        Add($"""<text {place}class="{style}" text-anchor="{anchor}">{text}</text>""");

    private Chart Path(string style, Markup course) => Add($"""<path class="{style}" d="{course}"/>""");

    private Chart Add(Markup part)
    {
        _parts.Add(part);
        return this;
    }
}
