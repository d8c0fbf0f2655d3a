using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Tests.Failures;

public sealed class OptionsInvalidExceptionTests
{
    /// <summary>The finding: one parameter of an objective that could not be read brought a second problem, of the default objective in its place.</summary>
    [Theory]
    [InlineData("objective.ce.temperature", "objective.ce.temperature student.layerCount")]
    [InlineData("objective", "objective student.layerCount")]
    [InlineData("schedule.epochs", "schedule.epochs objective.cos.weight student.layerCount")]
    [InlineData("student.layerCount", "student.layerCount objective.cos.weight")]
    public void Join_WhatCouldNotBeRead_IsNotCheckedInItsDefaultsPlace(string unread, string expected) => Assert.Equal(expected.Split(' '), OptionsInvalidException.Join(
        [new OptionProblem(unread, "unreadable")], [new OptionProblem("objective.cos.weight", "x"), new OptionProblem("student.layerCount", "y")]).Select(problem => problem.Field));
}
