namespace HiMo.MLNet.Reporting;

/// <summary>The frame of a line chart: axes with labels, and the way from values to places. Colours come from the page's style.</summary>
internal sealed class Chart
{
    private const double Width = 460, Height = 300, Left = 54, Right = 14, Top = 12, Bottom = 46;

    private readonly (double Least, double Most) _x, _y;
    private readonly Html _svg = new();

    public Chart(string id, string title, string description, (double, double) x, (double, double) y)
    {
        (_x, _y) = (x, y);
        _svg.Add(
            $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" "
            + $"aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{description}</desc>");
    }

    public double X(double value) => Left + ((value - _x.Least) / (_x.Most - _x.Least) * (Width - Left - Right));

    public double Y(double value) => Height - Bottom - ((value - _y.Least) / (_y.Most - _y.Least) * (Height - Top - Bottom));

    public Chart XAxis(string label, IEnumerable<(double Value, string Label)> ticks)
    {
        foreach ((double value, string text) in ticks)
        {
            _svg.Add(
                $"<line class=\"grid\" x1=\"{X(value)}\" x2=\"{X(value)}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"/><text class=\"scale\" "
                + $"text-anchor=\"middle\" x=\"{X(value)}\" y=\"{Height - Bottom + 16}\">{text}</text>");
        }

        _svg.Add(
            $"<line class=\"axis\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Height - Bottom}\" y2=\"{Height - Bottom}\"/><text "
            + $"class=\"label\" text-anchor=\"middle\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 8}\">{label}</text>");
        return this;
    }

    public Chart YAxis(string label, IEnumerable<(double Value, string Label)> ticks)
    {
        foreach ((double value, string text) in ticks)
        {
            _svg.Add(
                $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(value)}\" y2=\"{Y(value)}\"/><text class=\"scale\" "
                + $"text-anchor=\"end\" x=\"{Left - 6}\" y=\"{Y(value) + 4}\">{text}</text>");
        }

        _svg.Add(
            $"<text class=\"label\" text-anchor=\"middle\" "
            + $"transform=\"translate(13 {(Top + Height - Bottom) / 2}) rotate(-90)\">{label}</text>");
        return this;
    }

    public Chart Line(string style, IEnumerable<(double X, double Y)> points)
    {
        _svg.Add($"<polyline class=\"{style}\" points=\"");
        foreach ((double x, double y) in points)
        {
            _svg.Add($"{X(x)},{Y(y)} ");
        }

        _svg.Add($"\"/>");
        return this;
    }

    /// <summary>Straight pieces, each by itself.</summary>
    public Chart Pieces(string style, IEnumerable<((double X, double Y) From, (double X, double Y) To)> pieces)
    {
        _svg.Add($"<path class=\"{style}\" d=\"");
        foreach (((double X, double Y) from, (double X, double Y) to) in pieces)
        {
            _svg.Add($"M{X(from.X)} {Y(from.Y)}L{X(to.X)} {Y(to.Y)}");
        }

        _svg.Add($"\"/>");
        return this;
    }

    public Chart Dot(string style, double x, double y)
    {
        _svg.Add($"<circle class=\"{style}\" cx=\"{X(x)}\" cy=\"{Y(y)}\" r=\"3.5\"/>");
        return this;
    }

    /// <summary>A cross, told from a dot by its form and not by its colour alone.</summary>
    public Chart Cross(string style, double x, double y)
    {
        _svg.Add($"<path class=\"{style}\" d=\"M{X(x) - 2.5} {Y(y) - 2.5}l5 5m0 -5l-5 5\"/>");
        return this;
    }

    public Markup ToMarkup()
    {
        _svg.Add($"</svg>");
        return _svg.ToMarkup();
    }
}
