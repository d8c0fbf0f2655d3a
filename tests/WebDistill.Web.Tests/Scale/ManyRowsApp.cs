using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using WebDistill.Benchmarks;
using WebDistill.Data;
using WebDistill.Web.Layout;

namespace WebDistill.Web.Tests.Scale;

/// <summary>The product with 1 000 runs, 10 000 models, 300 evaluations and 200 data sets, and a count of what it reads from its database.</summary>
public sealed class ManyRowsApp : IAsyncLifetime, IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
{
    public const int Runs = 1000, Models = 10_000, Evaluations = 300, Datasets = 200;

    private readonly List<IDisposable> _subscriptions = [];
    private ConcurrentQueue<(string Sql, string[] Plan)> _commands = [];
    private int _rows;

    public WebDistillApp App { get; } = new();

    public async Task InitializeAsync()
    {
        await ManyRows.FillAsync(App.Service<IDbContextFactory<WebDistillDb>>(), Runs, Models, Evaluations, Datasets);
        _subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));
    }

    public async Task DisposeAsync()
    {
        _subscriptions.ForEach(subscription => subscription.Dispose());
        await App.DisposeAsync();
    }

    /// <summary>Does something and says what it read: its commands with SQLite's plan of each, and the rows that they returned.</summary>
    internal async Task<(T Answer, IReadOnlyList<(string Sql, string[] Plan)> Commands, int Rows)> CountAsync<T>(Func<Task<T>> action)
    {
        (_commands, _rows) = ([], 0);
        T answer = await action();
        return (answer, [.. _commands], Volatile.Read(ref _rows));
    }

    void IObserver<DiagnosticListener>.OnNext(DiagnosticListener listener)
    {
        if (listener.Name == DbLoggerCategory.Name)
            _subscriptions.Add(listener.Subscribe(this));
    }

    void IObserver<KeyValuePair<string, object?>>.OnNext(KeyValuePair<string, object?> happened)
    {
        // Other tests' servers run in this process too.
        if (happened.Value is CommandExecutedEventData { Command: DbCommand command } && IsOurs(command.Connection))
            _commands.Enqueue((command.CommandText, Plan(command)));
        else if (happened.Value is DataReaderDisposingEventData reading && IsOurs(reading.Command.Connection))
            Interlocked.Add(ref _rows, reading.ReadCount);
    }

    private bool IsOurs(DbConnection? connection) => connection?.DataSource.StartsWith(App.Root, StringComparison.Ordinal) == true;

    private static string[] Plan(DbCommand command)
    {
        using var connection = new SqliteConnection(command.Connection!.ConnectionString);
        connection.Open();
        connection.CreateFunction("upper", (string? text) => text?.ToUpperInvariant());
        using SqliteCommand explain = connection.CreateCommand();
        explain.CommandText = $"EXPLAIN QUERY PLAN {command.CommandText}";
        foreach (DbParameter parameter in command.Parameters)
            explain.Parameters.AddWithValue(parameter.ParameterName, parameter.Value);
        using SqliteDataReader steps = explain.ExecuteReader();
        List<string> plan = [];
        while (steps.Read())
            plan.Add(steps.GetString(3));
        return [.. plan];
    }

    void IObserver<DiagnosticListener>.OnCompleted()
    {
    }

    void IObserver<DiagnosticListener>.OnError(Exception error)
    {
    }

    void IObserver<KeyValuePair<string, object?>>.OnCompleted()
    {
    }

    void IObserver<KeyValuePair<string, object?>>.OnError(Exception error)
    {
    }
}
