namespace HiMo.MLNet;

/// <summary>Results on one set of data, one row a model, beside published figures and chance where they are known.</summary>
/// <param name="Title">The data.</param>
/// <param name="Columns">What was measured.</param>
/// <param name="Rows">The models, then chance, then published figures.</param>
/// <param name="Notes">What a reader should know.</param>
internal sealed record HiMoClipTable(
    string Title, IReadOnlyList<HiMoClipTableColumn> Columns, IReadOnlyList<HiMoClipTableRow> Rows, IReadOnlyList<string> Notes);

/// <summary>A column of figures.</summary>
/// <param name="Group">What stands over neighbouring columns: <c>image → caption</c>.</param>
/// <param name="Name">What is measured: <c>R@1 %</c>.</param>
/// <param name="Decimals">Decimals worth showing.</param>
internal sealed record HiMoClipTableColumn(string Group, string Name, int Decimals = 1);

/// <summary>Figures of one model.</summary>
/// <param name="Name">The model.</param>
/// <param name="Source">Where the figures come from.</param>
/// <param name="Values">One a column; null where nothing is known or nothing could be measured.</param>
internal sealed record HiMoClipTableRow(string Name, HiMoClipTableSource Source, IReadOnlyList<double?> Values);

/// <summary>Where figures come from.</summary>
internal enum HiMoClipTableSource
{
    /// <summary>Measured here.</summary>
    Measured,

    /// <summary>Expected of guessing.</summary>
    Chance,

    /// <summary>Published with HiMo-CLIP and SmartCLIP.</summary>
    Published,
}
