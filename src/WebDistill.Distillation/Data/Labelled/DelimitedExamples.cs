using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>Rows of columns between a delimiter, one example each; blank lines are passed over.</summary>
internal static class DelimitedExamples
{
    /// <param name="delimiter">What separates columns.</param>
    /// <param name="hasQuotes">Whether quotation marks around a field are none of its characters.</param>
    /// <inheritdoc cref="LabelledReader.Read"/>
    public static IEnumerable<LabelledExample> Read(TextReader text, string path, LabelledOptions options, string delimiter, bool hasQuotes)
    {
        using var rows = new Rows(text, path, delimiter, hasQuotes);
        if (!rows.TryNext())
            yield break;
        int columns = rows.Count;
        long firstLine = rows.Line;
        string[]? header = options.HasHeader ? [.. Enumerable.Range(0, columns).Select(rows.Field)] : null;
        int first = Find(options.TextColumn, "text"), label = Find(options.LabelColumn, "class");
        int? second = options.SecondColumn is string name ? Find(name, "second text") : null;
        // One by its name and another by its number may be the same.
        if (first == label || first == second || label == second)
            throw new InvalidDataException($"{LabelledText.Place(path, firstLine)}: two of text, second text and class are read from column "
                + $"{(first == label || first == second ? first : label) + 1}; expected a column for each. Choose another for one of them.");
        for (bool more = header is null || rows.TryNext(); more; more = rows.TryNext())
        {
            if (rows.Count != columns)
                throw new InvalidDataException($"{LabelledText.Place(path, rows.Line)}: {rows.Count} columns; expected {columns}, as in line {firstLine}. "
                    + (hasQuotes ? "Put a field that holds a comma into quotation marks, or correct the row." : "Take tabs out of the texts, or correct the row."));
            yield return new LabelledExample(rows.Field(first), second is int column ? rows.Field(column) : null, rows.Field(label), rows.Line);
        }

        int Find(string column, string role)
        {
            int[] named = header is null ? [] : [.. Enumerable.Range(0, columns).Where(index => header[index] == column)];
            if (named.Length > 1)
                throw new InvalidDataException($"{LabelledText.Place(path, firstLine)}: {named.Length} columns are called '{ForeignText.Quote(column)}'; expected one for the {role}. Choose it by its number: "
                    + $"{string.Join(" or ", named.Select(index => index + 1))}.");
            if (named is [int only])
                return only;
            if (int.TryParse(column, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= columns)
                return number - 1;
            throw new InvalidDataException($"{LabelledText.Place(path, firstLine)}: no column '{ForeignText.Quote(column)}' for the {role}; expected "
                + (header is null ? $"a number from 1 to {columns}, for the file is read without a header. Choose one, or say that the first row names the columns."
                    : $"one of {string.Join(", ", header.Take(20).Select(known => $"'{ForeignText.Quote(known)}'"))}, or a number from 1 to {columns}. Choose one of them."));
        }
    }

    /// <inheritdoc cref="RowsOf"/>
    public static IEnumerable<LabelledRow> ReadRows(TextReader text, string path, string delimiter, bool hasQuotes)
    {
        using var rows = new Rows(text, path, delimiter, hasQuotes);
        while (rows.TryNext())
            yield return new LabelledRow(null, [.. Enumerable.Range(0, rows.Count).Select(rows.Field)]);
    }

    /// <summary>The rows of a file, one at a time.</summary>
    private sealed class Rows : IDisposable
    {
        private readonly string _path;
        private readonly CsvParser _parser;
        private bool _isBad;

        public Rows(TextReader text, string path, string delimiter, bool hasQuotes)
        {
            _path = path;
            _parser = new CsvParser(text, new CsvConfiguration(CultureInfo.InvariantCulture)
            {
                Delimiter = delimiter,
                Mode = hasQuotes ? CsvMode.RFC4180 : CsvMode.NoEscape,
                IgnoreBlankLines = false,   // a line that is not counted would put all behind it at the wrong place
                MaxFieldSize = LabelledText.MostCharacters,
                BadDataFound = _ => _isBad = true,
            });
        }

        /// <summary>Columns of the present row.</summary>
        public int Count => _parser.Count;

        /// <summary>The line at which it begins.</summary>
        public long Line { get; private set; }

        /// <summary>Goes to the next row that is not blank.</summary>
        public bool TryNext()
        {
            do
            {
                Line = _parser.RawRow + 1L;
                if (!Read())
                    return false;
            }
            while (_parser.Count == 0 || _parser.Count == 1 && string.IsNullOrWhiteSpace(Field(0)));
            return true;
        }

        /// <summary>A field, without the quotation marks around it.</summary>
        public string Field(int column)
        {
            string field = _parser[column];
            return !_isBad ? field : throw new InvalidDataException($"{LabelledText.Place(_path, Line)}: column {column + 1} is '{ForeignText.Quote(field)}', with a quotation mark that neither begins nor "
                + "ends it; expected a field like \"She said \"\"yes\"\".\". Write it so, or choose the format in which quotation marks are characters.");
        }

        public void Dispose() => _parser.Dispose();

        private bool Read()
        {
            try
            {
                return _parser.Read();
            }
            catch (MaxFieldSizeException)
            {
                throw new InvalidDataException($"{LabelledText.Place(_path, Line)}: a field has more than {LabelledText.MostCharacters} characters; expected a text of a few sentences. "
                    + "A quotation mark may be opened there and never closed.");
            }
        }
    }
}
